CREATE TABLE "coupons" (
	"tenant_id" uuid NOT NULL,
	"key" text collate "C" NOT NULL,
	"name" text,
	"percent_off" text,
	"amount_off" text,
	"currency" text,
	"periods" integer,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"archived_at" timestamp with time zone,
	CONSTRAINT "coupons_tenant_id_key_pk" PRIMARY KEY("tenant_id","key")
);
--> statement-breakpoint
CREATE TABLE "plan_versions" (
	"tenant_id" uuid NOT NULL,
	"plan" text collate "C" NOT NULL,
	"version" integer NOT NULL,
	"terms" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "plan_versions_tenant_id_plan_version_pk" PRIMARY KEY("tenant_id","plan","version")
);
--> statement-breakpoint
CREATE TABLE "accounts" (
	"tenant_id" uuid NOT NULL,
	"customer_id" text collate "C" NOT NULL,
	"version" bigint NOT NULL,
	"currency" text,
	CONSTRAINT "accounts_tenant_id_customer_id_pk" PRIMARY KEY("tenant_id","customer_id")
);
--> statement-breakpoint
CREATE TABLE "credit_entries" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"customer_id" text collate "C" NOT NULL,
	"grant_id" uuid NOT NULL,
	"amount" numeric NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"state" jsonb NOT NULL,
	CONSTRAINT "credit_entries_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "credit_grants" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"customer_id" text collate "C" NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"state" jsonb NOT NULL,
	CONSTRAINT "credit_grants_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "credit_notes" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"customer_id" text collate "C" NOT NULL,
	"invoice_id" uuid NOT NULL,
	"number" bigint NOT NULL,
	"amount" numeric NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"state" jsonb NOT NULL,
	CONSTRAINT "credit_notes_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "credit_notes_number" UNIQUE("tenant_id","number")
);
--> statement-breakpoint
CREATE TABLE "invoices" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"customer_id" text collate "C" NOT NULL,
	"subscription_id" uuid NOT NULL,
	"sequence" integer NOT NULL,
	"status" text NOT NULL,
	"number" bigint,
	"period_start" timestamp with time zone NOT NULL,
	"period_end" timestamp with time zone NOT NULL,
	"currency" text NOT NULL,
	"total" numeric,
	"amount_due" numeric,
	"issued_at" timestamp with time zone,
	"usage_final" boolean NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"state" jsonb NOT NULL,
	CONSTRAINT "invoices_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "invoices_period" UNIQUE("tenant_id","subscription_id","sequence"),
	CONSTRAINT "invoices_number" UNIQUE("tenant_id","number")
);
--> statement-breakpoint
CREATE TABLE "numbering" (
	"tenant_id" uuid PRIMARY KEY NOT NULL,
	"invoices" bigint NOT NULL,
	"credit_notes" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "subscriptions" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"customer_id" text collate "C" NOT NULL,
	"due_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	"state" jsonb NOT NULL,
	CONSTRAINT "subscriptions_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
ALTER TABLE "customers" ADD COLUMN "tax_rates" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "plans" ADD COLUMN "version" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "coupons" ADD CONSTRAINT "coupons_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "plan_versions" ADD CONSTRAINT "plan_versions_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "credit_entries_customer" ON "credit_entries" USING btree ("tenant_id","customer_id","created_at","id");--> statement-breakpoint
CREATE INDEX "credit_entries_grant" ON "credit_entries" USING btree ("tenant_id","grant_id");--> statement-breakpoint
CREATE INDEX "credit_grants_customer" ON "credit_grants" USING btree ("tenant_id","customer_id","created_at","id");--> statement-breakpoint
CREATE INDEX "credit_notes_invoice" ON "credit_notes" USING btree ("tenant_id","invoice_id","number");--> statement-breakpoint
CREATE INDEX "invoices_customer" ON "invoices" USING btree ("tenant_id","customer_id","created_at","id");--> statement-breakpoint
CREATE INDEX "invoices_newest" ON "invoices" USING btree ("tenant_id","created_at","id");--> statement-breakpoint
CREATE INDEX "invoices_open" ON "invoices" USING btree ("tenant_id","customer_id") WHERE status = 'draft' or not usage_final;--> statement-breakpoint
CREATE INDEX "subscriptions_customer" ON "subscriptions" USING btree ("tenant_id","customer_id","created_at","id");--> statement-breakpoint
CREATE INDEX "subscriptions_due" ON "subscriptions" USING btree ("due_at","tenant_id") WHERE due_at is not null;--> statement-breakpoint
INSERT INTO "plan_versions" ("tenant_id", "plan", "version", "terms", "created_at")
SELECT "tenant_id", "key", 1, jsonb_build_object('prices', "prices", 'fees', '[]'::jsonb, 'interval', 'month', 'interval_count', 1,
  'trial_days', 0, 'entitlements', '{}'::jsonb), "updated_at" FROM "plans";--> statement-breakpoint
ALTER TABLE "plans" DROP COLUMN "prices";