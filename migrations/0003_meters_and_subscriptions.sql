DROP INDEX "subscriptions_due";--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "missing" text DEFAULT 'refuse' NOT NULL;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "filter" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "subscriptions" ADD COLUMN "external_id" text collate "C";--> statement-breakpoint
CREATE UNIQUE INDEX "subscriptions_external" ON "subscriptions" USING btree ("tenant_id","external_id") WHERE external_id is not null;--> statement-breakpoint
CREATE INDEX "subscriptions_due_order" ON "subscriptions" USING btree ("due_at","tenant_id","customer_id","id") WHERE due_at is not null;