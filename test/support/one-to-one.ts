import { expect } from 'vitest'
import type { Gatehouse } from './gatehouse.ts'

/** Each kind of change: what says that it was made, a row each, and the events that should tell of it, one each. */
const pairs: Readonly<Record<string, readonly [rows: string, events: string]>> = {
  sessions: ['SELECT id FROM user_sessions', `SELECT session_id FROM told WHERE type = 'SESSION_CREATED'`],
  'ended sessions': [
    'SELECT id FROM user_sessions WHERE ended_at IS NOT NULL',
    `SELECT session_id FROM told
      WHERE type IN ('SESSION_REVOKED', 'LOGGED_OUT', 'SESSION_EXPIRED', 'SESSION_TOKEN_REUSED')`,
  ],
  'refreshed tokens': [
    'SELECT session_id FROM refreshed_tokens',
    `SELECT session_id FROM told WHERE type = 'SESSION_REFRESHED' AND outcome = 'SUCCESS'`,
  ],
  'confirmed accounts': [
    `SELECT id FROM users WHERE status = 'ACTIVE'`,
    `SELECT user_id FROM told WHERE type = 'EMAIL_CONFIRMED' AND outcome = 'SUCCESS'`,
  ],
  'new passwords': [
    'SELECT id FROM users, generate_series(2, password_version)',
    `SELECT user_id FROM told WHERE type IN ('PASSWORD_CHANGED', 'PASSWORD_RESET_COMPLETED') AND outcome = 'SUCCESS'`,
  ],
  'new addresses': [
    `SELECT id FROM users WHERE email LIKE '%@new.example.com'`,
    `SELECT user_id FROM told WHERE type = 'EMAIL_CHANGED' AND outcome = 'SUCCESS' AND details->>'step' = 'confirmed'`,
  ],
  'factors in force': [
    `SELECT id::text FROM mfa_configurations WHERE status = 'ACTIVE'`,
    `SELECT details->>'factorId' FROM told WHERE type = 'MFA_ENROLLED' EXCEPT ALL
      SELECT details->>'factorId' FROM told WHERE type = 'MFA_REMOVED'`,
  ],
  'users with factors, by their backup codes': [
    'SELECT id FROM users, generate_series(1, 10) WHERE mfa_enabled',
    'SELECT user_id FROM backup_codes',
  ],
  'users with factors, by their factors': [
    'SELECT id FROM users WHERE mfa_enabled',
    `SELECT DISTINCT user_id FROM mfa_configurations WHERE status = 'ACTIVE'`,
  ],
  'used backup codes': [
    'SELECT user_id FROM backup_codes WHERE used_at IS NOT NULL',
    `SELECT user_id FROM told WHERE type = 'BACKUP_CODE_USED' AND sequence > (
      SELECT max(sequence) FROM told AS made WHERE type = 'BACKUP_CODES_GENERATED' AND made.user_id = told.user_id)`,
  ],
  'trusted devices': [
    'SELECT id::text FROM trusted_devices',
    `SELECT details->>'deviceId' FROM told WHERE type = 'DEVICE_TRUSTED'`,
  ],
  'devices no longer trusted': [
    'SELECT user_id FROM trusted_devices WHERE revoked_at IS NOT NULL',
    `SELECT user_id FROM told, generate_series(1, coalesce((details->>'devices')::int, 1))
      WHERE type = 'DEVICE_TRUST_REVOKED'`,
  ],
}

/** Compares what was changed with what was recorded, one to one. Returns how many changes there were of each kind. */
export const expectOneToOne = async ({ sql }: Pick<Gatehouse, 'sql'>): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const [what, [rows, events]] of Object.entries(pairs)) {
    const [found] = await sql.unsafe(`
      WITH told AS MATERIALIZED (
        SELECT event.*, details, sequence FROM security_events event
          JOIN security_event_personal_data ON event_id = event.id JOIN audit_links link ON link.event_id = event.id
      ), changed (key) AS MATERIALIZED (${rows}), recorded (key) AS MATERIALIZED (${events})
      SELECT (SELECT count(*)::int FROM changed) AS changes,
        array(SELECT key FROM changed EXCEPT ALL SELECT key FROM recorded)::text[] AS silent,
        array(SELECT key FROM recorded EXCEPT ALL SELECT key FROM changed)::text[] AS unfounded`)
    expect({ what, silent: found?.silent, unfounded: found?.unfounded }).toEqual({ what, silent: [], unfounded: [] })
    counts[what] = found?.changes
  }
  return counts
}
