-- Room on each page for the new version of a row, so that writing down a session's last use touches no index.
ALTER TABLE user_sessions SET (fillfactor = 80);
--> statement-breakpoint
-- Called by a statement that holds the lock on the account. VOLATILE, so that each sees what was committed while that
-- statement waited for the lock: its own snapshot is older, and would let parallel sign-ins exceed the limit.
CREATE FUNCTION count_live_sessions(owner uuid, at timestamptz) RETURNS integer LANGUAGE sql VOLATILE AS $$
  SELECT count(*)::integer FROM user_sessions
  WHERE user_id = owner AND ended_at IS NULL AND idle_expires_at > at
$$;
--> statement-breakpoint
-- Ends the sessions of a user that began first, but for `kept` and the one that is just beginning.
CREATE FUNCTION end_oldest_sessions(owner uuid, beginning uuid, kept integer, at timestamptz)
RETURNS TABLE (session_id uuid, token_hash text) LANGUAGE sql VOLATILE AS $$
  UPDATE user_sessions SET ended_at = at, end_reason = 'LIMIT_REACHED'
  WHERE ended_at IS NULL AND id IN (
    SELECT id FROM user_sessions
    WHERE user_id = owner AND id <> beginning AND ended_at IS NULL AND idle_expires_at > at
    ORDER BY created_at DESC, id DESC OFFSET kept
  )
  RETURNING id, user_sessions.token_hash
$$;
