import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEventStore } from '../../src/audit/event-store.ts'
import type { EventReport } from '../../src/audit/security-event.ts'
import { personalDigestOf } from '../../src/audit/security-event.ts'
import { openDatabase } from '../../src/db/client.ts'
import {
  AuditEventsDocument,
  type AuditEventsQuery,
  LoginDocument,
  RevokeSessionDocument,
  SecurityEventsDocument,
  type SecurityEventsQuery,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

/** Writes events past every service, all at one instant: pages must tell them apart all the same. */
const writeEvents = async (user: TestUser, count: number) => {
  const database = openDatabase(gatehouse.databaseUrl)
  const at = gatehouse.now()
  const reports = Array.from({ length: count }, (_none, index): EventReport => {
    const type = index % 2 ? 'LOGIN_FAILED' : 'LOGGED_OUT'
    const outcome = index % 2 ? 'FAILURE' : 'SUCCESS'
    return {
      type,
      outcome,
      userId: user.id,
      client: { ipAddress: `2001:db8::${index + 1}`, userAgent: 'curl/8' },
      details: { index },
    }
  })
  await createEventStore(database.writing, () => at).append(...reports)
  await database.close()
}

test('pages follow on each other with no gap and no duplicate, newest first, also among events of one instant', async () => {
  const user = await gatehouse.createUser()
  const client = await gatehouse.signedInAs(user)
  await writeEvents(user, 25)
  const indexes: unknown[] = []
  let after: string | null = null
  const filter = { types: ['LOGIN_FAILED' as const, 'LOGGED_OUT' as const] }
  let pages = 0
  for (let hasNextPage = true; hasNextPage; pages++) {
    const { securityEvents }: SecurityEventsQuery = await client.ask(SecurityEventsDocument, {
      first: 10,
      after,
      filter,
    })
    indexes.push(...securityEvents.edges.map(({ node }) => node.details.index))
    after = securityEvents.pageInfo.endCursor
    hasNextPage = securityEvents.pageInfo.hasNextPage
  }
  expect(pages).toBe(3)
  expect(indexes).toEqual(Array.from({ length: 25 }, (_none, index) => 24 - index))
})

test('pages of the whole log by kinds follow on each other too, each event once, also where a kind is named twice', async () => {
  const user = await gatehouse.createUser()
  await writeEvents(user, 25)
  const auditor = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'AUDITOR' }))
  const kinds = {
    types: ['LOGIN_FAILED' as const, 'LOGGED_OUT' as const, 'LOGIN_FAILED' as const],
    severities: ['WARNING' as const, 'INFO' as const],
  }
  const ids: string[] = []
  for (let after: string | null = null; ; ) {
    const { auditEvents }: AuditEventsQuery = await auditor.ask(AuditEventsDocument, { first: 7, after, filter: kinds })
    ids.push(...auditEvents.edges.map(({ node }) => node.id))
    if (!auditEvents.pageInfo.hasNextPage) break
    after = auditEvents.pageInfo.endCursor
  }
  const rows = await gatehouse.sql`
    SELECT id FROM security_events WHERE type IN ('LOGIN_FAILED', 'LOGGED_OUT') ORDER BY occurred_at DESC, id DESC`
  expect(ids).toEqual(rows.map(({ id }) => id))
  expect(ids.length).toBeGreaterThan(24)
})

test('every filter leaves exactly what fits it', async () => {
  const user = await gatehouse.createUser()
  const client = await gatehouse.signedInAs(user)
  await writeEvents(user, 6)
  const count = async (filter: object) =>
    (await client.ask(SecurityEventsDocument, { first: 100, filter })).securityEvents.edges.length
  const now = gatehouse.now()
  const at = (seconds: number) => new Date(now.getTime() + seconds * 1000).toISOString()
  expect(await count({ types: ['LOGIN_FAILED'] })).toBe(3)
  expect(await count({ types: [] })).toBe(0)
  expect(await count({ types: null })).toBe(6)
  expect(await count({ severities: ['WARNING'] })).toBe(3)
  expect(await count({ outcomes: ['SUCCESS'], types: ['LOGGED_OUT', 'LOGIN_FAILED'] })).toBe(3)
  expect(await count({ ipAddress: '2001:DB8:0::4' })).toBe(1)
  expect(await count({ userId: user.id })).toBe(6)
  expect(await count({ from: at(60) })).toBe(0)
  expect(await count({ to: at(60) })).toBe(6)
  expect(await count({ from: at(-60), to: at(-30) })).toBe(0)
  expect(await count({ sessionId: client.sessionId })).toBe(0)
})

test("one's own history holds nobody else's events, whatever the filter asks", async () => {
  const [mallory, alice] = await Promise.all([gatehouse.createUser(), gatehouse.createUser()])
  await writeEvents(alice, 2)
  const client = await gatehouse.signedInAs(mallory)
  const { securityEvents } = await client.ask(SecurityEventsDocument, { filter: { userId: alice.id } })
  expect(securityEvents).toEqual({ edges: [], pageInfo: { hasNextPage: false, endCursor: null } })
})

test('page sizes and cursors that make no sense are refused by field', async () => {
  const client = await gatehouse.signedInAs(await gatehouse.createUser())
  for (const [variables, path] of [
    [{ first: 0 }, 'first'],
    [{ first: 101 }, 'first'],
    [{ first: -1 }, 'first'],
    [{ after: 'x' }, 'after'],
    [{ after: Buffer.from('9'.repeat(15)).toString('base64url') }, 'after'],
    [{ filter: { sessionId: 'x' } }, 'filter.sessionId'],
    [{ filter: { from: '0000-01-01T00:00:00Z' } }, 'filter.from'],
    [{ filter: { to: '9999-12-31T23:59:59-23:59' } }, 'filter.to'],
    [{ after: Buffer.from('253402300800000:01a20516-defe-7103-8ac6-6d8d2e0b6677').toString('base64url') }, 'after'],
  ] as const) {
    const { extensions } = await client.refused(SecurityEventsDocument, variables)
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path }] })
  }
})

test('an administrator sees failed sign-ins of unknown addresses, with no user', async () => {
  const administrator = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))
  await gatehouse.anonymous.refused(LoginDocument, {
    input: { email: 'nobody@example.org', password: 'whatever it is' },
  })
  const filter = { types: ['LOGIN_FAILED' as const], outcomes: ['FAILURE' as const] }
  const { auditEvents } = await administrator.ask(AuditEventsDocument, { first: 1, filter })
  expect(auditEvents.edges[0]?.node).toMatchObject({
    user: null,
    actor: null,
    severity: 'WARNING',
    ipAddress: '127.0.0.1',
    details: { reason: 'unknown address' },
  })
})

test('events can be neither changed nor deleted, and their digest proves the companion row', async () => {
  const { sql } = gatehouse
  await writeEvents(await gatehouse.createUser(), 1)
  for (const statement of [
    "UPDATE security_events SET outcome = 'SUCCESS'",
    'DELETE FROM security_events',
    'TRUNCATE security_events',
  ]) {
    await expect(sql.unsafe(statement)).rejects.toThrow('append-only')
  }
  const rows = await sql`select * from security_events join security_event_personal_data on event_id = id`
  for (const { salt, ip_address: ipAddress, user_agent: userAgent, details, personal_digest: digest } of rows) {
    expect(personalDigestOf({ salt, ipAddress, userAgent, details })).toBe(digest)
  }
})

test('a user learns that an administrator ended a session, and neither who it was nor from where', async () => {
  const user = await gatehouse.createUser()
  const client = await gatehouse.signedInAs(user)
  const other = await gatehouse.signedInAs(user)
  const administrator = await gatehouse.createUser({ role: 'ADMIN' })
  const admin = await gatehouse.signedInAs(administrator)
  await admin.ask(RevokeSessionDocument, { id: other.sessionId })

  const { securityEvents } = await client.ask(SecurityEventsDocument, {})
  const [seen] = securityEvents.edges
  expect(seen?.node).toMatchObject({
    type: 'SESSION_REVOKED',
    details: { reason: 'REVOKED_BY_ADMIN' },
    actor: null,
    ipAddress: null,
    device: null,
  })
  const { auditEvents } = await admin.ask(AuditEventsDocument, { filter: { userId: user.id } })
  const [whole] = auditEvents.edges
  expect(whole?.node).toMatchObject({ actor: { email: administrator.email }, ipAddress: '127.0.0.1' })
})

test.each([
  [{ userId: '' }, 'filter.userId'],
  [{ sessionId: '' }, 'filter.sessionId'],
  [{ from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' }, 'filter.from'],
])('a filter of %j is refused, and does not stand for everything', async (filter, path) => {
  const admin = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))
  const { extensions } = await admin.refused(AuditEventsDocument, { filter })
  expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path }] })
})
