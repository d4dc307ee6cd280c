ALTER TABLE "meters" ADD COLUMN "id" text collate "C";--> statement-breakpoint
-- What they have counted so far is named by their keys.
UPDATE "meters" SET "id" = "key";--> statement-breakpoint
ALTER TABLE "meters" ALTER COLUMN "id" SET NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "meters_id" ON "meters" USING btree ("tenant_id","id");