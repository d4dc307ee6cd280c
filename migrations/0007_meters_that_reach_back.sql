ALTER TABLE "meters" ADD COLUMN "counts_from" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "filling" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "filling_seq" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "filled_blocks" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "filled_to" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "born_act" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "meters_reaching_back" ON "meters" USING btree ("tenant_id") WHERE counts_from is not null and archived_at is null;--> statement-breakpoint
CREATE INDEX "meters_filling" ON "meters" USING btree ("tenant_id") WHERE filling;