import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EventFilter } from '../../src/audit/event-filter.ts'
import { createEventStore } from '../../src/audit/event-store.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createTestDatabase } from '../support/database.ts'
import { openPlans } from '../support/plans.ts'

const seeded = 120_000
const busyUser = '00000000-0000-4000-8000-00000000aaaa'
const busyAddress = '198.51.100.1'

/** A log of three months: every 5,000th event is CRITICAL, and those that were DENIED are old and few. */
const filters: readonly EventFilter[] = [
  {},
  { severities: ['CRITICAL'] },
  { severities: ['WARNING'] },
  { severities: ['WARNING', 'CRITICAL'] },
  { severities: ['INFO', 'WARNING', 'CRITICAL'] },
  { severities: [] },
  { outcomes: ['DENIED'] },
  { outcomes: ['FAILURE', 'DENIED'] },
  { outcomes: ['SUCCESS'] },
  { severities: ['INFO'], outcomes: ['FAILURE'] },
  { severities: ['CRITICAL'], outcomes: ['DENIED'] },
  { types: ['LOGIN_FAILED'] },
  { types: ['CREDENTIAL_STUFFING'] },
  { types: ['POLICY_CHANGED'] },
  { types: ['POLICY_CHANGED', 'LOGIN_FAILED', 'CREDENTIAL_STUFFING'] },
  { types: ['LOGIN_FAILED'], outcomes: ['DENIED'] },
  { types: ['LOGIN_FAILED'], severities: ['INFO'] },
  { types: ['CREDENTIAL_STUFFING'], severities: ['CRITICAL'], outcomes: ['SUCCESS'] },
  { userId: busyUser },
  { userId: busyUser, types: ['CREDENTIAL_STUFFING'] },
  { userId: '00000000-0000-4000-8000-00000000bbbb' },
  { sessionId: '00000000-0000-4000-8000-00000000bbbb' },
  { ipAddress: '203.0.113.7' },
  { ipAddress: '192.0.2.99' },
  { ipAddress: busyAddress },
  { ipAddress: busyAddress, types: ['CREDENTIAL_STUFFING'] },
  { ipAddress: '203.0.113.7', types: ['LOGIN_FAILED'] },
  { ipAddress: busyAddress, userId: '00000000-0000-4000-8000-000000000007' },
]
const day = 24 * 3600 * 1000
const times: readonly EventFilter[] = [
  {},
  { from: new Date(Date.now() - 60 * day), to: new Date(Date.now() - 59 * day) },
  { to: new Date(Date.now() - 3650 * day) },
]

let database: Awaited<ReturnType<typeof createTestDatabase>>
let plans: ReturnType<typeof openPlans>
beforeAll(async () => {
  database = await createTestDatabase()
  const sql = postgres(database.url, { max: 1, onnotice: () => {} })
  await sql`SELECT create_security_event_partitions((now() - interval '90 days')::date, now()::date)`
  await sql`ALTER TABLE security_events DISABLE TRIGGER security_events_enqueue`
  await sql`
    CREATE TEMPORARY TABLE told AS
    SELECT at, kind.*, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid AS id,
      CASE WHEN n % 8 = 1 THEN ${busyUser}::uuid ELSE ('00000000-0000-4000-8000-' || lpad(to_hex(n % 5000), 12, '0'))::uuid END AS user_id,
      CASE WHEN n % 8 = 2 THEN ${busyAddress} ELSE '203.0.113.' || n % 250 || CASE WHEN n % 2000 = 7 THEN '' ELSE ':' || n % 997 END END AS ip_address
    FROM generate_series(1, ${seeded}) AS n,
      LATERAL (SELECT now() - interval '90 days' + n * (interval '90 days' / ${seeded}) AS at) AS time,
      LATERAL (SELECT * FROM (VALUES
        (n % 5000 = 11, 'CREDENTIAL_STUFFING', 'CRITICAL', 'SUCCESS'),
        (n < 10000 AND n % 400 = 9, 'ACCESS_DENIED', 'WARNING', 'DENIED'),
        (n % 4 = 3, 'LOGIN_FAILED', 'WARNING', 'FAILURE'),
        (true, 'LOGIN_SUCCEEDED', 'INFO', 'SUCCESS')) AS each (is_so, type, severity, outcome) WHERE is_so LIMIT 1) AS kind`
  await sql`INSERT INTO security_event_personal_data (event_id, salt, ip_address, user_agent, details)
    SELECT id, '', ip_address, '', '{}' FROM told`
  await sql`INSERT INTO security_events (id, type, severity, outcome, occurred_at, user_id, session_id, personal_digest)
    SELECT id, type, severity, outcome, at, user_id, gen_random_uuid(), '' FROM told`
  await sql`VACUUM ANALYZE security_events, security_event_personal_data`
  await sql.end()
  plans = openPlans(database.url)
}, 120_000)
afterAll(async () => {
  await plans.close()
  await database.drop()
})

describe.each(filters.map((filter) => [JSON.stringify(filter), filter] as const))('%s', (_text, filter) => {
  test('is found by an index, in whatever time, with little read that does not fit', async () => {
    for (const time of times) {
      const asked = { ...filter, ...time }
      const read = (db: Parameters<typeof createEventStore>[0]) =>
        createEventStore(db, systemClock).page(asked, null, 21)
      const { scanned, rows, blocks } = await plans.readingOf(read, asked.ipAddress ? 'planned' : 'prepared')
      expect([time, scanned]).toEqual([time, []])
      expect(rows).toBeLessThan(3_000)
      expect(blocks).toBeLessThan(8_000)
    }
  })
})
