CREATE TABLE "audit_archives" (
	"month" date PRIMARY KEY NOT NULL,
	"events" bigint NOT NULL,
	"first_sequence" bigint NOT NULL,
	"last_sequence" bigint NOT NULL,
	"file" text NOT NULL,
	"file_digest" "bytea" NOT NULL,
	"archived_at" timestamp (3) with time zone NOT NULL,
	"key_id" text NOT NULL,
	"signature" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_checkpoints" (
	"sequence" bigint PRIMARY KEY NOT NULL,
	"hash" "bytea" NOT NULL,
	"sealed_at" timestamp (3) with time zone NOT NULL,
	"key_id" text NOT NULL,
	"signature" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_head" (
	"id" smallint PRIMARY KEY NOT NULL,
	"sequence" bigint NOT NULL,
	"hash" "bytea" NOT NULL,
	"sealed_at" timestamp (3) with time zone NOT NULL,
	"key_id" text NOT NULL,
	"signature" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_links" (
	"sequence" bigint PRIMARY KEY NOT NULL,
	"event_id" uuid NOT NULL,
	"digest" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL,
	CONSTRAINT "audit_links_event_id_unique" UNIQUE("event_id")
);
--> statement-breakpoint
CREATE TABLE "known_places" (
	"user_id" uuid NOT NULL,
	"country_code" text NOT NULL,
	"latitude" double precision,
	"longitude" double precision,
	"first_seen_at" timestamp (3) with time zone NOT NULL,
	"last_seen_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "known_places_user_id_country_code_pk" PRIMARY KEY("user_id","country_code")
);
--> statement-breakpoint
CREATE TABLE "repeated_refusals" (
	"subject" text PRIMARY KEY NOT NULL,
	"report" jsonb NOT NULL,
	"repeats" integer NOT NULL,
	"window_ends_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "session_contexts" (
	"session_id" uuid NOT NULL,
	"network" text NOT NULL,
	"label" text NOT NULL,
	"first_seen_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "session_contexts_session_id_network_label_pk" PRIMARY KEY("session_id","network","label")
);
--> statement-breakpoint
CREATE TABLE "unsealed_security_events" (
	"ordinal" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "unsealed_security_events_ordinal_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"event_id" uuid NOT NULL
);
--> statement-breakpoint
ALTER TABLE "known_places" ADD CONSTRAINT "known_places_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "session_contexts" ADD CONSTRAINT "session_contexts_session_id_user_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."user_sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "known_places_seen" ON "known_places" USING btree ("last_seen_at");--> statement-breakpoint
CREATE INDEX "repeated_refusals_end" ON "repeated_refusals" USING btree ("window_ends_at");
--> statement-breakpoint
INSERT INTO audit_head (id, sequence, hash, sealed_at, key_id, signature)
VALUES (1, 0, decode(repeat('00', 32), 'hex'), '1970-01-01', '', '');
--> statement-breakpoint
-- The log is partitioned by the month of its ids (UUIDv7), so that a month goes as a whole once it is archived.
ALTER TABLE security_events RENAME TO former_security_events;
--> statement-breakpoint
ALTER TABLE security_event_personal_data RENAME TO former_personal_data;
--> statement-breakpoint
ALTER TABLE former_security_events DROP CONSTRAINT security_events_pkey;
--> statement-breakpoint
ALTER TABLE former_personal_data DROP CONSTRAINT security_event_personal_data_pkey;
--> statement-breakpoint
DROP INDEX security_events_user, security_events_time, security_events_type, security_events_session, security_event_personal_data_ip;
--> statement-breakpoint
CREATE TABLE security_events (
	"id" uuid PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"severity" text NOT NULL,
	"outcome" text NOT NULL,
	"occurred_at" timestamp (3) with time zone NOT NULL,
	"user_id" uuid,
	"actor_id" uuid,
	"session_id" uuid,
	"personal_digest" text NOT NULL
) PARTITION BY RANGE (id);
--> statement-breakpoint
CREATE TABLE security_event_personal_data (
	"event_id" uuid PRIMARY KEY NOT NULL,
	"salt" text NOT NULL,
	"ip_address" text,
	"user_agent" text,
	"details" jsonb NOT NULL
) PARTITION BY RANGE (event_id);
--> statement-breakpoint
CREATE INDEX "security_events_user" ON "security_events" USING btree ("user_id","occurred_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "security_events_time" ON "security_events" USING btree ("occurred_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "security_events_type" ON "security_events" USING btree ("type","occurred_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "security_events_session" ON "security_events" USING btree ("session_id","occurred_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "security_event_personal_data_ip" ON "security_event_personal_data" USING btree ("ip_address");--> statement-breakpoint
CREATE FUNCTION month_of_id(id uuid) RETURNS date LANGUAGE sql IMMUTABLE AS $$
  SELECT date_trunc('month', to_timestamp(('x0000' || left(replace(id::text, '-', ''), 12))::bit(64)::bigint / 1000.0) AT TIME ZONE 'UTC')::date
$$;
--> statement-breakpoint
CREATE FUNCTION first_id_of(month date) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT rpad(lpad(to_hex((extract(epoch FROM month::timestamp AT TIME ZONE 'UTC') * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;
--> statement-breakpoint
-- Callable by the application's role, which may not create tables. Attached, not created in place: that would lock out writers.
CREATE FUNCTION create_security_event_partitions(first_month date, last_month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  month date;
  parent text;
  partition text;
BEGIN
  IF last_month > now() + interval '1 year' OR last_month - first_month > 3700 THEN
    RAISE EXCEPTION 'partitions are made for ten years at most, and one ahead';
  END IF;
  PERFORM pg_advisory_xact_lock(7203115);
  FOR month IN SELECT generate_series(date_trunc('month', first_month), last_month, interval '1 month')::date LOOP
    FOREACH parent IN ARRAY ARRAY['security_events', 'security_event_personal_data'] LOOP
      partition := parent || to_char(month, '_YYYY_MM');
      CONTINUE WHEN to_regclass(partition) IS NOT NULL;
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS)', partition, parent);
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        parent, partition, first_id_of(month), first_id_of((month + interval '1 month')::date));
      IF parent = 'security_events' THEN
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I
          FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_security_events()', partition);
      END IF;
    END LOOP;
  END LOOP;
END
$$;
--> statement-breakpoint
-- Callable by the application's role, which may not drop tables. Counted before writers are kept out, and they are not for long: whoever
-- calls tries again. Rows of the log are never deleted, so a month with as many as its record says lost none and got none since.
CREATE FUNCTION drop_archived_security_events(archived_month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '200ms' AS $$
DECLARE
  partition text := 'security_events' || to_char(archived_month, '_YYYY_MM');
  companion text := 'security_event_personal_data' || to_char(archived_month, '_YYYY_MM');
  archived bigint := coalesce((SELECT events FROM audit_archives WHERE month = archived_month), 0);
  found bigint;
BEGIN
  IF archived_month <> date_trunc('month', archived_month) OR archived_month + interval '2 months' > now() THEN
    RAISE EXCEPTION '% is no month that ended a month ago', archived_month;
  END IF;
  PERFORM pg_advisory_xact_lock(7203115);
  IF to_regclass(partition) IS NULL THEN
    RETURN;
  END IF;
  EXECUTE format('LOCK TABLE %I, %I IN SHARE MODE', partition, companion);
  EXECUTE format('SELECT count(*) FROM %I', partition) INTO found;
  IF found <> archived THEN
    RAISE EXCEPTION 'of % there are % events, of which % were archived', to_char(archived_month, 'YYYY-MM'), found, archived;
  END IF;
  IF EXISTS (SELECT FROM unsealed_security_events
    WHERE event_id >= first_id_of(archived_month) AND event_id < first_id_of((archived_month + interval '1 month')::date))
  THEN
    RAISE EXCEPTION 'of % there are events that are not sealed', to_char(archived_month, 'YYYY-MM');
  END IF;
  LOCK TABLE ONLY security_events, ONLY security_event_personal_data IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('DROP TABLE %I, %I', partition, companion);
END
$$;
--> statement-breakpoint
SELECT create_security_event_partitions(
  least((SELECT month_of_id(min(id::text)::uuid) FROM former_security_events), (now() - interval '1 month')::date),
  (now() + interval '3 months')::date
);
--> statement-breakpoint
CREATE TRIGGER security_events_append_only
  BEFORE UPDATE OR DELETE OR TRUNCATE ON security_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_security_events();
--> statement-breakpoint
-- Whoever records an event puts it into the outbox too, also a server of an older version.
CREATE FUNCTION enqueue_security_events() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO unsealed_security_events (event_id) SELECT id FROM recorded;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER security_events_enqueue AFTER INSERT ON security_events
  REFERENCING NEW TABLE AS recorded FOR EACH STATEMENT EXECUTE FUNCTION enqueue_security_events();
--> statement-breakpoint
INSERT INTO security_event_personal_data SELECT * FROM former_personal_data;
--> statement-breakpoint
INSERT INTO security_events SELECT * FROM former_security_events ORDER BY occurred_at, id;
--> statement-breakpoint
DROP TABLE former_security_events, former_personal_data;
--> statement-breakpoint
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_links
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_archives
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
-- What servers connect as: a login role that is a member of gatehouse_app. It can't alter what was recorded. Who archives is a
-- member of gatehouse_archiver too, which can drop a month that stands in the archives. A role is there for every database of the
-- server, so another one may have made it, or be making it now.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['gatehouse_app', 'gatehouse_archiver'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', name);
      END IF;
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN NULL;
      WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'The role % may not make roles', current_user USING HINT = format('Let it, or as a superuser run: '
          'CREATE ROLE gatehouse_app NOLOGIN; CREATE ROLE gatehouse_archiver NOLOGIN IN ROLE gatehouse_app; '
          'GRANT gatehouse_app, gatehouse_archiver TO %I;', current_user);
    END;
  END LOOP;
  IF NOT pg_has_role('gatehouse_archiver', 'gatehouse_app', 'MEMBER') THEN
    GRANT gatehouse_app TO gatehouse_archiver;
  END IF;
  -- Whoever migrated may run commands and servers too.
  FOREACH name IN ARRAY ARRAY['gatehouse_app', 'gatehouse_archiver'] LOOP
    IF NOT pg_has_role(current_user, name, 'SET') THEN
      EXECUTE format('GRANT %I TO %I', name, current_user);
    END IF;
  END LOOP;
END
$$;
--> statement-breakpoint
DO $$
DECLARE
  evidence text[] := ARRAY['security_events', 'security_event_personal_data', 'unsealed_security_events', 'audit_links',
    'audit_head', 'audit_checkpoints', 'audit_archives'];
  name text;
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO gatehouse_app', current_schema());
  FOR name IN SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
    AND NOT relispartition AND NOT relname = ANY (evidence)
  LOOP
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO gatehouse_app', name);
  END LOOP;
  GRANT SELECT, INSERT ON security_events, security_event_personal_data, audit_links, audit_checkpoints TO gatehouse_app;
  GRANT SELECT ON audit_archives TO gatehouse_app;
  GRANT INSERT ON audit_archives TO gatehouse_archiver;
  GRANT SELECT, DELETE ON unsealed_security_events TO gatehouse_app;
  GRANT SELECT, UPDATE ON audit_head TO gatehouse_app;
  IF to_regclass('drizzle.__drizzle_migrations') IS NOT NULL THEN
    GRANT USAGE ON SCHEMA drizzle TO gatehouse_app;
    GRANT SELECT ON drizzle.__drizzle_migrations TO gatehouse_app;
  END IF;
  REVOKE EXECUTE ON FUNCTION create_security_event_partitions(date, date), drop_archived_security_events(date),
    enqueue_security_events() FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION create_security_event_partitions(date, date) TO gatehouse_app;
  GRANT EXECUTE ON FUNCTION drop_archived_security_events(date) TO gatehouse_archiver;
END
$$;
