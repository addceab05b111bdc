CREATE TABLE "database_restores" (
	"id" uuid PRIMARY KEY NOT NULL,
	"restored_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
GRANT SELECT, INSERT ON "database_restores" TO gatehouse_app;
