CREATE TABLE "recounts" (
	"tenant_id" uuid NOT NULL,
	"customer_id" text collate "C" NOT NULL,
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "recounts_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"meter" text collate "C" NOT NULL,
	"from_at" timestamp with time zone NOT NULL,
	"to_at" timestamp with time zone,
	"correction_id" uuid,
	"as_credit_note" boolean NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "recounts_tenant_id_customer_id_id_pk" PRIMARY KEY("tenant_id","customer_id","id")
);
--> statement-breakpoint
CREATE INDEX "recounts_order" ON "recounts" USING btree ("created_at","tenant_id","customer_id");