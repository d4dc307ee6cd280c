CREATE TABLE "log_contents" (
	"name" text collate "C" PRIMARY KEY NOT NULL,
	"content" "bytea" NOT NULL,
	"version" uuid DEFAULT gen_random_uuid() NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "log_contents" ALTER COLUMN "content" SET STORAGE EXTERNAL;