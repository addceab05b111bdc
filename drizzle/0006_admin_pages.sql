-- Finds a part of an address. It comes with PostgreSQL (contrib), and is trusted: who owns the database may install it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;--> statement-breakpoint
-- Safe: writers wait while it is built, some three seconds for a million events
CREATE INDEX "security_events_owner" ON "security_events" USING btree ("user_id","occurred_at" DESC NULLS LAST,"id" DESC NULLS LAST,"type","outcome","severity");--> statement-breakpoint
-- Safe: writers wait while it is built, some three seconds for a million events
CREATE INDEX "security_events_kind" ON "security_events" USING btree ("type","outcome","severity","occurred_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
-- Safe: writers wait while it is built, a second for 100,000 users
CREATE INDEX "users_newest" ON "users" USING btree ("created_at" DESC NULLS LAST,"id" DESC NULLS LAST,"role","status","mfa_enabled","email_key");--> statement-breakpoint
-- Safe: writers wait while it is built, a second for 100,000 users
CREATE INDEX "users_kind" ON "users" USING btree ("role","status","mfa_enabled","created_at" DESC NULLS LAST,"id" DESC NULLS LAST,"email_key");--> statement-breakpoint
-- Safe: writers wait while it is built, a second for 100,000 users
-- Without a list of what is still to be added, which every search would read.
CREATE INDEX "users_email" ON "users" USING gin ("email_key" gin_trgm_ops) WITH (fastupdate=false);--> statement-breakpoint
-- How many users there are of each kind: few administrators without a second factor, say, and none that is PENDING with one.
CREATE STATISTICS "users_kinds" (mcv) ON "role", "status", "mfa_enabled" FROM "users";--> statement-breakpoint
ANALYZE "users";
