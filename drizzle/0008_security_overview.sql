CREATE TABLE "security_event_counts" (
	"hour" timestamp (3) with time zone NOT NULL,
	"type" text NOT NULL,
	"count" bigint NOT NULL,
	CONSTRAINT "security_event_counts_hour_type_pk" PRIMARY KEY("hour","type")
);
--> statement-breakpoint
-- Safe: counts are purged after a day, and few
CREATE INDEX "attempt_budgets_locked" ON "attempt_budgets" USING btree ("window_ends_at") WHERE locked_at is not null;
--> statement-breakpoint
-- Safe: it is held for what was sealed meanwhile only
-- Events that are sealed already. All but those that are sealed meanwhile are counted before writers are kept out.
DO $$
DECLARE
  counted bigint := 0;
  reached bigint;
BEGIN
  FOR writers_wait IN 0..1 LOOP
    IF writers_wait = 1 THEN
      LOCK TABLE security_events, unsealed_security_events IN SHARE ROW EXCLUSIVE MODE;
    END IF;
    SELECT coalesce(max(sequence), 0) INTO reached FROM audit_links;
    INSERT INTO security_event_counts AS known (hour, type, count)
      SELECT date_trunc('hour', occurred_at, 'UTC'), type, count(*) FROM audit_links JOIN security_events ON id = event_id
      WHERE sequence > counted AND sequence <= reached GROUP BY 1, 2
      ON CONFLICT (hour, type) DO UPDATE SET count = known.count + excluded.count;
    counted := reached;
  END LOOP;
END
$$;
--> statement-breakpoint
ALTER TABLE "unsealed_security_events" ADD COLUMN "event_hour" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "unsealed_security_events" ADD COLUMN "event_type" text;--> statement-breakpoint
UPDATE unsealed_security_events SET event_hour = date_trunc('hour', occurred_at, 'UTC'), event_type = type
FROM security_events WHERE id = event_id;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION enqueue_security_events() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  traceless uuid[] := ARRAY(
    SELECT id FROM recorded, LATERAL (
      SELECT FROM erasures WHERE user_id = recorded.user_id OR user_id = recorded.actor_id LIMIT 1
    ) AS erased
  );
BEGIN
  INSERT INTO unsealed_security_events (event_id, event_hour, event_type)
    SELECT id, date_trunc('hour', occurred_at, 'UTC'), type FROM recorded;
  IF traceless <> '{}' THEN
    DELETE FROM security_event_personal_data WHERE event_id = ANY (traceless);
  END IF;
  RETURN NULL;
END
$$;
--> statement-breakpoint
-- Whoever seals an event counts it too, in the same statement, also a server of an older version.
CREATE FUNCTION count_sealed_security_events() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO security_event_counts AS known (hour, type, count)
    SELECT event_hour, event_type, count(*) FROM sealed WHERE event_type IS NOT NULL GROUP BY 1, 2
    ON CONFLICT (hour, type) DO UPDATE SET count = known.count + excluded.count;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER unsealed_security_events_count AFTER DELETE ON unsealed_security_events
  REFERENCING OLD TABLE AS sealed FOR EACH STATEMENT EXECUTE FUNCTION count_sealed_security_events();
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION count_sealed_security_events() FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT ON security_event_counts TO gatehouse_app;
