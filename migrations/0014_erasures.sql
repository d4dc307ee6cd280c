CREATE TABLE "erasures" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"customer_id" text collate "C" NOT NULL,
	"customer" bigint NOT NULL,
	"by_micros" bigint NOT NULL,
	"seq" bigint DEFAULT 0 NOT NULL,
	"blocks" integer DEFAULT 0 NOT NULL,
	"events" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"done_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "log_customers" ADD COLUMN "erased_to" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "erasures_tenant" ON "erasures" USING btree ("tenant_id","created_at","id");--> statement-breakpoint
CREATE INDEX "erasures_by" ON "erasures" USING btree ("tenant_id","by_micros");--> statement-breakpoint
CREATE INDEX "erasures_open" ON "erasures" USING btree ("tenant_id") WHERE done_at is null;