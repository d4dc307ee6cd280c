ALTER TABLE "meters" ADD COLUMN "missing" text DEFAULT 'refuse' NOT NULL;--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "filter" jsonb DEFAULT '[]'::jsonb NOT NULL;