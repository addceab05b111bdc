CREATE TABLE "consents" (
	"ordinal" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "consents_ordinal_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"user_id" uuid NOT NULL,
	"purpose" text NOT NULL,
	"version" text NOT NULL,
	"granted" boolean NOT NULL,
	"recorded_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "erasures" (
	"user_id" uuid PRIMARY KEY NOT NULL,
	"event_id" uuid NOT NULL,
	"severity" text NOT NULL,
	"erased_at" timestamp (3) with time zone NOT NULL,
	"actor_id" uuid,
	"session_id" uuid,
	"personal_digest" text NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"archives_done_at" timestamp (3) with time zone
);
--> statement-breakpoint
ALTER TABLE "outgoing_messages" ADD COLUMN "user_id" uuid;--> statement-breakpoint
ALTER TABLE "outgoing_messages" ADD COLUMN "leaves_no_trace" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "consents" ADD CONSTRAINT "consents_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "erasures" ADD CONSTRAINT "erasures_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "consents_user" ON "consents" USING btree ("user_id","purpose","ordinal" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "erasures_time" ON "erasures" USING btree ("erased_at","user_id");--> statement-breakpoint
CREATE INDEX "erasures_unfinished" ON "erasures" USING btree ("erased_at") WHERE finished_at is null;--> statement-breakpoint
CREATE INDEX "erasures_archived" ON "erasures" USING btree ("erased_at") WHERE archives_done_at is null;--> statement-breakpoint
-- Safe: what is kept of mail is short
CREATE INDEX "outgoing_messages_recipient" ON "outgoing_messages" USING btree (lower("recipient"));--> statement-breakpoint
-- Safe: what is kept of mail is short
CREATE INDEX "outgoing_messages_user" ON "outgoing_messages" USING btree ("user_id") WHERE user_id is not null;--> statement-breakpoint
-- Safe: what is kept of mail is short
CREATE INDEX "outgoing_messages_traceless" ON "outgoing_messages" USING btree ("created_at") WHERE leaves_no_trace;--> statement-breakpoint
-- Safe: writers wait while it is built, some three seconds for a million events
CREATE INDEX "security_events_actor" ON "security_events" USING btree ("actor_id","occurred_at" DESC NULLS LAST,"id" DESC NULLS LAST) WHERE actor_id is not null;--> statement-breakpoint
-- Safe: writers wait while it is built, a second for a million sessions
CREATE INDEX "user_sessions_user" ON "user_sessions" USING btree ("user_id");--> statement-breakpoint
-- Safe: writers wait while it is built, less than a second for a million devices
CREATE INDEX "trusted_devices_owner" ON "trusted_devices" USING btree ("user_id");
--> statement-breakpoint
-- The application's role may not delete from the log, nor what stands beside it: this takes out what stands beside events about an
-- erased user, or done by them, and only once their erasure is sealed. The event of the erasure keeps what says who did it and why.
CREATE FUNCTION erase_personal_data(erased uuid, events uuid[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  erasure uuid := (
    SELECT event_id FROM users JOIN erasures ON user_id = users.id JOIN audit_links USING (event_id)
    WHERE users.id = erased AND status = 'ERASED'
  );
  gone integer;
BEGIN
  IF erasure IS NULL THEN
    RAISE EXCEPTION 'no erasure of user % is sealed', erased;
  END IF;
  DELETE FROM security_event_personal_data WHERE event_id = ANY (ARRAY(
    SELECT id FROM security_events WHERE id = ANY (events) AND id <> erasure AND (user_id = erased OR actor_id = erased)
  ));
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END
$$;
--> statement-breakpoint
-- What is recorded of an erased user later, by requests that were under way, keeps nothing beside it. Looked up event by event:
-- erasures may be many.
CREATE OR REPLACE FUNCTION enqueue_security_events() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  traceless uuid[] := ARRAY(
    SELECT id FROM recorded, LATERAL (
      SELECT FROM erasures WHERE user_id = recorded.user_id OR user_id = recorded.actor_id LIMIT 1
    ) AS erased
  );
BEGIN
  INSERT INTO unsealed_security_events (event_id) SELECT id FROM recorded;
  IF traceless <> '{}' THEN
    DELETE FROM security_event_personal_data WHERE event_id = ANY (traceless);
  END IF;
  RETURN NULL;
END
$$;
--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON consents TO gatehouse_app;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON erasures TO gatehouse_app;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION erase_personal_data(uuid, uuid[]) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION erase_personal_data(uuid, uuid[]) TO gatehouse_app;
