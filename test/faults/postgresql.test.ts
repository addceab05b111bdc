import { afterEach, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { LoginDocument, LogoutDocument, MeDocument } from '../support/documents.generated.ts'
import { eventually, startGatehouse } from '../support/gatehouse.ts'
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

test('I8: a deadlock is retried, so that the client never sees it', async () => {
  const { gatehouse, user } = await startBehindProxy()
  const { sql } = gatehouse
  await sql.unsafe(`
    CREATE SEQUENCE tries;
    CREATE FUNCTION fail_twice() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
      IF nextval('tries') <= 2 THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER fail_twice BEFORE INSERT ON user_sessions FOR EACH ROW EXECUTE FUNCTION fail_twice()`)
  const { login } = await gatehouse.anonymous.ask(LoginDocument, {
    input: { email: user.email, password: user.password },
  })
  expect(login.__typename).toBe('SignedIn')
  const [counts] = await sql`
    select (select count(*)::int from user_sessions where user_agent <> 'test') as sessions,
           (select count(*)::int from security_events where type = 'LOGIN_SUCCEEDED') as logins`
  expect(counts).toEqual({ sessions: 1, logins: 1 })
})

test('H6: when the event can not be written, the change does not happen', async () => {
  const { gatehouse, user, session } = await startBehindProxy()
  await gatehouse.sql.unsafe('ALTER TABLE security_events ADD CONSTRAINT closed CHECK (false) NOT VALID')
  const answers = await Promise.all([
    gatehouse.anonymous.send(LoginDocument, { input: { email: user.email, password: user.password } }),
    session.send(LogoutDocument, {}),
  ])
  for (const { errors } of answers) expect(errors?.[0]?.extensions.code).toBe('INTERNAL_SERVER_ERROR')
  const live = await gatehouse.sql`select id from user_sessions where ended_at is null`
  expect(live.map(({ id }) => id)).toEqual([session.sessionId])
  await session.ask(MeDocument, {})
})
