CREATE TABLE "attempt_budgets" (
	"subject" text PRIMARY KEY NOT NULL,
	"user_id" uuid,
	"used" integer NOT NULL,
	"window_ends_at" timestamp (3) with time zone NOT NULL,
	"locked_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "email_changes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"new_email" text NOT NULL,
	"token_hash" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "email_changes_token_hash_unique" UNIQUE("token_hash")
);
--> statement-breakpoint
CREATE TABLE "known_devices" (
	"user_id" uuid NOT NULL,
	"label" text NOT NULL,
	"network" text NOT NULL,
	"first_seen_at" timestamp (3) with time zone NOT NULL,
	"last_seen_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "known_devices_user_id_label_network_pk" PRIMARY KEY("user_id","label","network")
);
--> statement-breakpoint
CREATE TABLE "mfa_policies" (
	"role" text PRIMARY KEY NOT NULL,
	"requirement" text NOT NULL,
	"grace_days" integer NOT NULL,
	"required_since" timestamp (3) with time zone,
	"updated_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "password_resets" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid,
	"token_hash" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "password_resets_token_hash_unique" UNIQUE("token_hash")
);
--> statement-breakpoint
CREATE TABLE "trusted_devices" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"tag" text NOT NULL,
	"token_hash" text NOT NULL,
	"label" text NOT NULL,
	"user_agent" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"last_used_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "trusted_devices_tag_unique" UNIQUE("tag")
);
--> statement-breakpoint
ALTER TABLE "mfa_challenges" ADD COLUMN "password_version" integer;--> statement-breakpoint
ALTER TABLE "mfa_challenges" ADD COLUMN "password_hash" text;--> statement-breakpoint
ALTER TABLE "mfa_challenges" ADD COLUMN "sms_factor_id" uuid;--> statement-breakpoint
ALTER TABLE "mfa_challenges" ADD COLUMN "sms_sent_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "mfa_challenges" ADD COLUMN "sms_claimed_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "mfa_challenges" ADD COLUMN "sms_code_digest" text;--> statement-breakpoint
ALTER TABLE "mfa_challenges" ADD COLUMN "sms_sends" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "mfa_configurations" ADD COLUMN "masked_phone_number" text;--> statement-breakpoint
ALTER TABLE "mfa_configurations" ADD COLUMN "failures_in_row" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "outgoing_messages" ADD COLUMN "channel" text DEFAULT 'EMAIL' NOT NULL;--> statement-breakpoint
ALTER TABLE "user_sessions" ADD COLUMN "trusted_device" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "password_version" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "mfa_enabled" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "email_changes" ADD CONSTRAINT "email_changes_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "known_devices" ADD CONSTRAINT "known_devices_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "password_resets" ADD CONSTRAINT "password_resets_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "trusted_devices" ADD CONSTRAINT "trusted_devices_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "attempt_budgets_user" ON "attempt_budgets" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "attempt_budgets_end" ON "attempt_budgets" USING btree ("window_ends_at");--> statement-breakpoint
CREATE INDEX "email_changes_user" ON "email_changes" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "email_changes_end" ON "email_changes" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "known_devices_seen" ON "known_devices" USING btree ("last_seen_at");--> statement-breakpoint
CREATE INDEX "password_resets_user" ON "password_resets" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "password_resets_end" ON "password_resets" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "trusted_devices_user" ON "trusted_devices" USING btree ("user_id") WHERE revoked_at is null;--> statement-breakpoint
CREATE INDEX "trusted_devices_end" ON "trusted_devices" USING btree ("expires_at");--> statement-breakpoint
ALTER TABLE "mfa_challenges" ADD CONSTRAINT "mfa_challenges_sms_factor_id_mfa_configurations_id_fk" FOREIGN KEY ("sms_factor_id") REFERENCES "public"."mfa_configurations"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "email_confirmations_end" ON "email_confirmations" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "mfa_challenges_sms_factor" ON "mfa_challenges" USING btree ("sms_factor_id");--> statement-breakpoint
CREATE INDEX "mfa_challenges_end" ON "mfa_challenges" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "outgoing_messages_sent" ON "outgoing_messages" USING btree ("sent_at") WHERE sent_at is not null;
--> statement-breakpoint
UPDATE "users" SET "mfa_enabled" = true WHERE EXISTS (SELECT 1 FROM "mfa_configurations" WHERE "user_id" = "users"."id" AND "status" = 'ACTIVE');
