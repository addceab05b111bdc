import { afterEach, expect, test } from 'vitest'
import { expectSealed } from '../support/chain.ts'
import type { Answer, Client } from '../support/client.ts'
import { createTestDatabase } from '../support/database.ts'
import {
  ChangeEmailDocument,
  ChangePasswordDocument,
  EnrolMfaDocument,
  LoginDocument,
  LogoutDocument,
  MeDocument,
  RefreshSessionDocument,
  RevokeOtherSessionsDocument,
  RevokeSessionDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { tally } from '../support/race.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const startBehindProxy = async () => {
  const database = await createTestDatabase()
  const proxy = await startTcpProxy(database.url)
  const gatehouse = await startGatehouse({ databaseUrl: proxy.url })
  cleanUps.push(database.drop, proxy.close, gatehouse.close, proxy.restore)
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  await session.ask(MeDocument, {})
  return { proxy, gatehouse, user, session }
}

for (const fault of ['cut', 'pause'] as const) {
  test(`I7: with PostgreSQL ${fault === 'cut' ? 'gone' : 'frozen'}, a live session still reads, changes are refused within 3 s, and all returns without a restart`, async () => {
    const { proxy, gatehouse, user, session } = await startBehindProxy()
    const login = { input: { email: user.email, password: user.password } }
    proxy[fault]()

    expect((await session.ask(MeDocument, {})).me.email).toBe(user.email)
    const start = performance.now()
    const answers = await Promise.all([
      gatehouse.anonymous.send(LoginDocument, login),
      session.send(LogoutDocument, {}),
    ])
    expect(performance.now() - start).toBeLessThan(3_000)
    for (const { status, errors } of answers) {
      expect(status).toBe(503)
      expect(errors?.[0]?.extensions.code).toBe('SERVICE_DEGRADED')
    }
    expect((await fetch(`${gatehouse.url}/readyz`)).status).toBe(503)

    const restored = performance.now()
    proxy.restore()
    await eventually(async () => (await gatehouse.anonymous.send(LoginDocument, login)).data)
    expect(performance.now() - restored).toBeLessThan(5_000)
  })
}

test('I7: when the network path to PostgreSQL dies without a word, new connections take over without a restart', async () => {
  const { proxy, gatehouse, user } = await startBehindProxy()
  const login = { input: { email: user.email, password: user.password } }
  await gatehouse.anonymous.ask(LoginDocument, login)
  const stranded = performance.now()
  proxy.strand()
  await eventually(async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => gatehouse.anonymous.send(LoginDocument, login)))
    return answers.every(({ data }) => data)
  })
  expect(performance.now() - stranded).toBeLessThan(8_000)
})

test.each([
  { what: 'deadlock', code: '40P01' },
  { what: 'serialization failure', code: '40001' },
])('I8: a $what is retried, so that the client never sees it and each event is recorded once', async ({ code }) => {
  const { gatehouse, user } = await startBehindProxy()
  const { sql } = gatehouse
  await sql.unsafe(`
    CREATE SEQUENCE tries;
    CREATE FUNCTION fail_twice() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
      IF nextval('tries') <= 2 THEN RAISE EXCEPTION 'failed' USING ERRCODE = '${code}'; END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER fail_twice BEFORE INSERT ON user_sessions FOR EACH ROW EXECUTE FUNCTION fail_twice()`)
  const { login } = await gatehouse.anonymous.ask(LoginDocument, {
    input: { email: user.email, password: user.password },
  })
  expect(login.__typename).toBe('SignedIn')
  const sessions = await sql`SELECT id FROM user_sessions WHERE user_agent <> 'test'`
  expect(sessions).toHaveLength(1)
  const events = await expectSealed(gatehouse)
  expect(events.map(({ type, session_id: id }) => [type, id])).toEqual([
    ['LOGIN_SUCCEEDED', sessions[0]?.id],
    ['SESSION_CREATED', sessions[0]?.id],
  ])
})

/** What security-changing operations change. */
const stateOf = async ({ sql }: Gatehouse) => {
  const tables = ['users', 'user_sessions', 'refreshed_tokens', 'ended_tokens', 'mfa_configurations', 'mfa_challenges']
  const more = ['backup_codes', 'trusted_devices', 'email_changes', 'outgoing_messages', 'security_events']
  const rows = [...tables, ...more].map((name) => sql`SELECT t::text FROM ${sql(name)} t ORDER BY 1`)
  return (await Promise.all(rows)).map((found) => found.map(({ t }) => t))
}

/** Security-changing operations, in an order in which all of them work. */
const changesOf = (
  gatehouse: Gatehouse,
  { email, password }: TestUser,
  elevated: Client,
  other: { sessionId: string },
) => [
  () => gatehouse.anonymous.send(LoginDocument, { input: { email, password } }),
  () => elevated.send(RevokeSessionDocument, { id: other.sessionId }),
  () => elevated.send(RevokeOtherSessionsDocument, {}),
  () => elevated.send(EnrolMfaDocument, { input: { method: 'TOTP' } }),
  () => elevated.send(ChangeEmailDocument, { newEmail: `new-${email}` }),
  () =>
    elevated.send(ChangePasswordDocument, {
      input: { currentPassword: password, newPassword: `${password} of another time` },
    }),
]
const endsOf = (elevated: Client) => [
  () => elevated.send(RefreshSessionDocument, {}),
  () => elevated.send(LogoutDocument, {}),
]

const thisMonth = () => new Date().toISOString().slice(0, 7).replace('-', '_')
const closed = 'ADD CONSTRAINT closed CHECK (false) NOT VALID'

test.each([
  { what: 'the log takes no rows', fault: () => `ALTER TABLE security_events ${closed}` },
  { what: 'what is personal can not be kept', fault: () => `ALTER TABLE security_event_personal_data ${closed}` },
  { what: 'the outbox takes no rows', fault: () => `ALTER TABLE unsealed_security_events ${closed}` },
  {
    what: 'the month has no partition',
    fault: () => `ALTER TABLE security_events DETACH PARTITION security_events_${thisMonth()}`,
  },
])('H6: when $what, no change that should be recorded happens', async ({ fault }) => {
  const { gatehouse, user, session: other } = await startBehindProxy()
  const elevated = await gatehouse.signedInAs(user, ['PASSWORD'], new Date(Date.now() + 300_000))
  await gatehouse.sql.unsafe(fault())
  const before = await stateOf(gatehouse)
  const answers: Answer<unknown>[] = []
  for (const change of [...changesOf(gatehouse, user, elevated, other), ...endsOf(elevated)])
    answers.push(await change())
  expect(tally(answers)).toEqual({ INTERNAL_SERVER_ERROR: answers.length })
  expect(await stateOf(gatehouse)).toEqual(before)
  for (const client of [elevated, other]) await client.ask(MeDocument, {})
})

test('H6: while the log hangs, changes are refused within 3 s and do not happen, and afterwards they work', async () => {
  const { gatehouse, user, session: other } = await startBehindProxy()
  const elevated = await gatehouse.signedInAs(user, ['PASSWORD'], new Date(Date.now() + 300_000))
  for (const client of [elevated, other]) await client.ask(MeDocument, {})
  const before = await stateOf(gatehouse)
  const changes = changesOf(gatehouse, user, elevated, other)
  await gatehouse.sql.begin(async (held) => {
    await held`LOCK TABLE security_events IN ACCESS EXCLUSIVE MODE`
    const start = performance.now()
    const answers = await Promise.all([...changes, ...endsOf(elevated)].map((change) => change()))
    expect(performance.now() - start).toBeLessThan(3_000)
    expect(tally(answers)).toEqual({ SERVICE_DEGRADED: answers.length })
  })
  expect(await stateOf(gatehouse)).toEqual(before)
  for (const client of [elevated, other]) await client.ask(MeDocument, {})
  const answers: Answer<unknown>[] = []
  for (const change of changes) answers.push(await change())
  expect(tally(answers)).toEqual({ OK: answers.length })
})
