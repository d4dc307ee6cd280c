CREATE TABLE "log_sweeps" (
	"store" text PRIMARY KEY NOT NULL,
	"swept_to" text collate "C" NOT NULL
);
--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "event_log_days" integer;