CREATE TABLE "log_blocks" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "log_blocks_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tenant_id" uuid NOT NULL,
	"store" text NOT NULL,
	"name" text collate "C" NOT NULL,
	"segment_id" text NOT NULL,
	"events" integer NOT NULL,
	"received_from" bigint NOT NULL,
	"received_to" bigint NOT NULL,
	"timestamp_from" timestamp with time zone NOT NULL,
	"timestamp_to" timestamp with time zone NOT NULL,
	"types" text[] NOT NULL,
	"lists" jsonb NOT NULL,
	"ids" integer[] NOT NULL,
	"bytes" integer NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "log_blocks_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "log_customers" (
	"customer" bigint NOT NULL,
	"received_to" bigint NOT NULL,
	"block_id" bigint NOT NULL,
	CONSTRAINT "log_customers_customer_received_to_block_id_pk" PRIMARY KEY("customer","received_to","block_id")
);
--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "id" text collate "C";--> statement-breakpoint
-- What they have counted so far is named by their keys.
UPDATE "meters" SET "id" = "key";--> statement-breakpoint
ALTER TABLE "meters" ALTER COLUMN "id" SET NOT NULL;--> statement-breakpoint
CREATE INDEX "log_blocks_tenant" ON "log_blocks" USING btree ("tenant_id","received_to","id");--> statement-breakpoint
CREATE INDEX "log_blocks_begin" ON "log_blocks" USING btree ("tenant_id","received_from","id");--> statement-breakpoint
CREATE INDEX "log_blocks_segment" ON "log_blocks" USING btree ("segment_id");--> statement-breakpoint
CREATE INDEX "log_blocks_ids" ON "log_blocks" USING gin ("ids");--> statement-breakpoint
CREATE INDEX "log_customers_block" ON "log_customers" USING btree ("block_id");--> statement-breakpoint
CREATE UNIQUE INDEX "meters_id" ON "meters" USING btree ("tenant_id","id");