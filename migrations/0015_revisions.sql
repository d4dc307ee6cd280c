ALTER TABLE "meters" ADD COLUMN "revision" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "state" text DEFAULT 'current' NOT NULL;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "reads_from" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "reads_to" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "switched_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "replaced_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "meters" DROP CONSTRAINT "meters_tenant_id_key_pk";--> statement-breakpoint
ALTER TABLE "meters" ADD CONSTRAINT "meters_tenant_id_key_revision_pk" PRIMARY KEY("tenant_id","key","revision");