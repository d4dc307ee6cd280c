CREATE TABLE "acts" (
	"tenant_id" uuid NOT NULL,
	"number" bigint NOT NULL,
	"correction_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"blocks" text[] NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "acts_tenant_id_number_pk" PRIMARY KEY("tenant_id","number")
);
--> statement-breakpoint
CREATE TABLE "corrections" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"state" text NOT NULL,
	"action" text NOT NULL,
	"filter" jsonb NOT NULL,
	"change" jsonb NOT NULL,
	"reason" text NOT NULL,
	"blocks" text[] NOT NULL,
	"events" integer NOT NULL,
	"effect" jsonb NOT NULL,
	"refusal" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"applied_at" timestamp with time zone,
	"reverted_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "counts_from" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "filling" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "filling_seq" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "filled_blocks" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "filled_to" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "born_act" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "ledger" uuid DEFAULT gen_random_uuid() NOT NULL;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "acts" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "log_since" timestamp with time zone DEFAULT now();--> statement-breakpoint
CREATE INDEX "acts_correction" ON "acts" USING btree ("correction_id");--> statement-breakpoint
CREATE INDEX "acts_blocks" ON "acts" USING gin ("blocks");--> statement-breakpoint
CREATE INDEX "corrections_tenant" ON "corrections" USING btree ("tenant_id","created_at","id");--> statement-breakpoint
CREATE INDEX "corrections_state" ON "corrections" USING btree ("state");--> statement-breakpoint
CREATE INDEX "meters_reaching_back" ON "meters" USING btree ("tenant_id") WHERE counts_from is not null and archived_at is null;--> statement-breakpoint
CREATE INDEX "meters_filling" ON "meters" USING btree ("tenant_id") WHERE filling;--> statement-breakpoint
-- What tenants had counted before is not in the log, and neither is what servers of the version before count while this one is rolled out.
UPDATE "tenants" SET "log_since" = now() + interval '1 day';
