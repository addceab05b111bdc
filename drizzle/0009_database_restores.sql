CREATE TABLE "database_restores" (
	"id" uuid PRIMARY KEY NOT NULL,
	"restored_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
GRANT SELECT, INSERT ON "database_restores" TO gatehouse_app;
--> statement-breakpoint
-- Safe: the version before finds the same rows by another; last, as readers wait from here to the commit
DROP INDEX "security_events_user";
--> statement-breakpoint
-- Safe: the version before finds the same rows by another; last, as readers wait from here to the commit
DROP INDEX "security_events_type";
--> statement-breakpoint
-- Safe: the version before finds the same rows by another; last, as readers wait from here to the commit
DROP INDEX "trusted_devices_user";
