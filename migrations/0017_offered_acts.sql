CREATE TABLE "offered_acts" (
	"tenant_id" uuid NOT NULL,
	"position" bigint NOT NULL,
	"correction_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"blocks" text[] NOT NULL,
	"segments" text[] NOT NULL,
	"taken" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "offered_acts_correction_id_kind_pk" PRIMARY KEY("correction_id","kind")
);
--> statement-breakpoint
CREATE INDEX "offered_acts_order" ON "offered_acts" USING btree ("tenant_id","position");--> statement-breakpoint
CREATE INDEX "offered_acts_segments" ON "offered_acts" USING gin ("segments");