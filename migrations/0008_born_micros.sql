DROP INDEX "meters_reaching_back";--> statement-breakpoint
ALTER TABLE "meters" ADD COLUMN "born_micros" bigint;