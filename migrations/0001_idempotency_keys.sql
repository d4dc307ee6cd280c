CREATE TABLE "idempotency_keys" (
	"scope" text collate "C" NOT NULL,
	"key_hash" text collate "C" NOT NULL,
	"fingerprint" text NOT NULL,
	"seed" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"held_until" timestamp with time zone NOT NULL,
	"answer" text,
	CONSTRAINT "idempotency_keys_scope_key_hash_pk" PRIMARY KEY("scope","key_hash")
);
--> statement-breakpoint
CREATE INDEX "idempotency_keys_held_until" ON "idempotency_keys" USING btree ("held_until");