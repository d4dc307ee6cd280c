DROP INDEX "corrections_state";--> statement-breakpoint
ALTER TABLE "tenants" ALTER COLUMN "log_since" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "corrections" ADD COLUMN "as_credit_note" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "corrections_wanted" ON "corrections" USING btree ("id") WHERE state = 'wanted';