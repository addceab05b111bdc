CREATE TABLE "refreshed_tokens" (
	"token_hash" text PRIMARY KEY NOT NULL,
	"session_id" uuid NOT NULL,
	"successor_hash" text NOT NULL,
	"replaced_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "session_tickets" (
	"token_hash" text PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"proofs" text[] NOT NULL,
	"fresh_proof_at" timestamp (3) with time zone,
	"password_version" integer,
	"trusts_device" boolean NOT NULL,
	"transport" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signing_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"generation" integer NOT NULL,
	"public_key" text NOT NULL,
	"sealed_private_key" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"signs_from" timestamp (3) with time zone NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "signing_keys_generation_unique" UNIQUE("generation")
);
--> statement-breakpoint
CREATE TABLE "task_leases" (
	"task" text PRIMARY KEY NOT NULL,
	"holder" uuid NOT NULL,
	"held_until" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "mfa_challenges" DROP CONSTRAINT "mfa_challenges_session_id_user_sessions_id_fk";
--> statement-breakpoint
ALTER TABLE "ended_tokens" ADD COLUMN "told_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "mfa_challenges" ADD COLUMN "transport" text DEFAULT 'BEARER' NOT NULL;--> statement-breakpoint
ALTER TABLE "user_sessions" ADD COLUMN "transport" text DEFAULT 'BEARER' NOT NULL;--> statement-breakpoint
ALTER TABLE "refreshed_tokens" ADD CONSTRAINT "refreshed_tokens_session_id_user_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."user_sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "session_tickets" ADD CONSTRAINT "session_tickets_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "refreshed_tokens_session" ON "refreshed_tokens" USING btree ("session_id");--> statement-breakpoint
CREATE INDEX "session_tickets_user" ON "session_tickets" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "session_tickets_end" ON "session_tickets" USING btree ("expires_at");--> statement-breakpoint
ALTER TABLE "mfa_challenges" ADD CONSTRAINT "mfa_challenges_session_id_user_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."user_sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "ended_tokens_untold" ON "ended_tokens" USING btree ("ended_at") WHERE told_at is null;--> statement-breakpoint
CREATE INDEX "ended_tokens_time" ON "ended_tokens" USING btree ("ended_at");--> statement-breakpoint
CREATE INDEX "mfa_challenges_session" ON "mfa_challenges" USING btree ("session_id");--> statement-breakpoint
CREATE INDEX "user_sessions_overdue" ON "user_sessions" USING btree ("expires_at") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "user_sessions_ended" ON "user_sessions" USING btree ("ended_at") WHERE ended_at is not null;--> statement-breakpoint
DROP INDEX "user_sessions_live";--> statement-breakpoint
CREATE INDEX "user_sessions_live" ON "user_sessions" USING btree ("user_id") WHERE ended_at is null;
