import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LoginDocument, LogoutDocument, MeDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { connect } from '../support/live-socket.ts'
import { metricsOf } from '../support/metrics.ts'
import { answerChallenge, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode, wrongTotpCode } from '../support/totp.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

/** What was added to each series since; those that did not change are left out. */
const growthOf = async (before: ReadonlyMap<string, number>) => {
  const now = await metricsOf(gatehouse.url)
  return new Map(
    [...now].map(([series, value]) => [series, value - (before.get(series) ?? 0)] as const).filter(([, by]) => by),
  )
}
const grown = (growth: ReadonlyMap<string, number>, name: string) =>
  Object.fromEntries(
    [...growth].flatMap(([series, by]) =>
      series.replace(/\{.*/, '') === name ? [[series.slice(name.length), by]] : [],
    ),
  )

const allSealed = () =>
  eventually(async () => (await gatehouse.sql`SELECT 1 FROM unsealed_security_events LIMIT 1`).length === 0)

test('sign-ins, second factors and sessions are counted, each once, by how they ended', async () => {
  const [plain, guarded] = [await gatehouse.createUser(), await gatehouse.createUser()]
  const seed = await gatehouse.giveTotp(guarded)
  const { email, password } = plain
  await allSealed()
  const before = await metricsOf(gatehouse.url)

  for (const wrong of ['wrong one', 'wrong two'])
    await gatehouse.anonymous.send(LoginDocument, { input: { email, password: wrong } })
  const { login } = await gatehouse.anonymous.ask(LoginDocument, { input: { email, password } })
  if (login.__typename !== 'SignedIn') throw new Error(login.__typename)
  await gatehouse.clientWith(login.sessionToken).ask(LogoutDocument, {})
  const challengeId = await loginChallenge(gatehouse.anonymous, guarded)
  await answerChallenge(gatehouse.anonymous, challengeId, wrongTotpCode(seed, gatehouse.now()))
  await completeChallenge(gatehouse.anonymous, challengeId, totpCode(seed, gatehouse.now()), 'SignedIn')
  await answerChallenge(gatehouse.anonymous, challengeId, totpCode(seed, gatehouse.now()))

  await allSealed()
  const growth = await eventually(async () => {
    const found = await growthOf(before)
    const isLastOne = grown(found, 'gatehouse_mfa_verifications_total')['{method="NONE",outcome="FAILURE"}'] === 1
    return isLastOne && found
  })
  expect(grown(growth, 'gatehouse_sign_ins_total')).toEqual({ '{outcome="FAILURE"}': 2, '{outcome="SUCCESS"}': 2 })
  expect(grown(growth, 'gatehouse_mfa_verifications_total')).toEqual({
    '{method="TOTP",outcome="FAILURE"}': 1,
    '{method="TOTP",outcome="SUCCESS"}': 1,
    '{method="NONE",outcome="FAILURE"}': 1,
  })
  expect(grown(growth, 'gatehouse_sessions_opened_total')).toEqual({ '': 2 })
  expect(grown(growth, 'gatehouse_sessions_ended_total')).toEqual({ '{reason="SIGNED_OUT"}': 1 })
  expect(grown(growth, 'gatehouse_security_events_total')).toMatchObject({
    '{type="LOGIN_FAILED",outcome="FAILURE"}': 2,
    '{type="LOGIN_SUCCEEDED",outcome="SUCCESS"}': 2,
    '{type="MFA_CHALLENGED",outcome="SUCCESS"}': 1,
  })
})

test('a refusal that is repeated counts as often as it was, once the log tells of it', async () => {
  await allSealed()
  const before = await metricsOf(gatehouse.url)
  for (let times = 0; times < 5; times++) await gatehouse.anonymous.send(MeDocument, {})
  gatehouse.advanceClock(120) // the window of repeats is over
  const series = '{type="ACCESS_DENIED",outcome="DENIED"}'
  await eventually(async () => grown(await growthOf(before), 'gatehouse_security_events_total')[series] === 5)
})

test('operations are counted by their field and code, with their time, and so are session checks and calls of Redis', async () => {
  const client = await gatehouse.signedInAs(await gatehouse.createUser())
  await client.ask(MeDocument, {})
  const before = await metricsOf(gatehouse.url)
  for (let times = 0; times < 3; times++) await client.ask(MeDocument, {})
  await gatehouse.anonymous.send(MeDocument, {})
  await client.sendText('{ me { id } trustedDevices { id } }')
  await client.sendText('{ __schema { queryType { name } } __typename }')
  await client.sendText('query A { ...F } fragment F on Query { ... on Query { listSessions { id } } }')
  const growth = await growthOf(before)
  expect(grown(growth, 'gatehouse_graphql_requests_total')).toEqual({
    '{field="me",code="OK"}': 3,
    '{field="me",code="UNAUTHENTICATED"}': 1,
    '{field="several",code="OK"}': 1,
    '{field="introspection",code="OK"}': 1,
    '{field="listSessions",code="OK"}': 1,
  })
  expect(grown(growth, 'gatehouse_graphql_request_duration_seconds_count')).toMatchObject({ '{field="me"}': 4 })
  expect(grown(growth, 'gatehouse_session_check_duration_seconds_count')).toEqual({ '': 6 })
  expect(grown(growth, 'gatehouse_redis_call_duration_seconds_count')['']).toBeGreaterThanOrEqual(6)
  expect(grown(growth, 'gatehouse_http_requests_total')).toMatchObject({
    '{route="/graphql",status="200"}': 6,
    '{route="/graphql",status="401"}': 1,
  })
})

test('no client makes a new series: neither by names of operations, fields and aliases, nor by paths and methods', async () => {
  const client = await gatehouse.signedInAs(await gatehouse.createUser())
  const attack = async () => {
    const name = `x${randomBytes(8).toString('hex')}`
    const texts = [
      `query ${name} { me { id } }`,
      `{ ${name}: me { id } }`,
      `{ ${name} }`,
      `{ me { ${name} } }`,
      `query ${name} { me { id } } query Other { me { id } }`,
      `query ($${name}: ID!) { me { id } }`,
      `{ ...${name} } fragment ${name} on Query { me { id } }`,
      `{ ...${name} }`,
      `${name}`,
      `subscription ${name} { sessionEnded { id } }`,
      `subscription { ${name} }`,
    ]
    for (const text of texts) await client.sendText(text)
    await client.sendText('query A { me { id } } query B { me { id } }', { operationName: name })
    for (const path of [`/${name}`, `/graphql/${name}`, `/metrics?${name}`]) await fetch(gatehouse.url + path)
    await fetch(`${gatehouse.url}/graphql?${name}=1`, { method: 'PUT', headers: { [name]: name } })
    return name
  }
  await attack()
  const before = [...(await metricsOf(gatehouse.url)).keys()]
  const names = [await attack(), await attack()]
  const after = [...(await metricsOf(gatehouse.url)).keys()].filter((series) =>
    /^gatehouse_(http|graphql)/.test(series),
  )
  expect(after.length).toBeGreaterThan(20)
  expect(after.filter((series) => names.some((name) => series.includes(name)))).toEqual([])
  expect(after.filter((series) => !before.includes(series))).toEqual([])
})

test('sockets and subscriptions are counted while they are open', async () => {
  const user = await gatehouse.createUser()
  const { token } = await gatehouse.signedInAs(user)
  const open = async () => {
    const now = await metricsOf(gatehouse.url)
    return [now.get('gatehouse_sockets_open'), now.get('gatehouse_subscriptions_open{field="sessionEnded"}') ?? 0]
  }
  const live = await connect(gatehouse.url, token)
  live.subscribeText('subscription { sessionEnded { id } }')
  live.subscribeText('subscription { sessionEnded { id } }')
  await eventually(async () => String(await open()) === '1,2')
  live.close()
  await eventually(async () => String(await open()) === '0,0')
})

test('what waits is told with its age: events to be sealed, and mail', async () => {
  await allSealed()
  const waits = async () => {
    const now = await metricsOf(gatehouse.url)
    return ['unsealed_events', 'unsealed_events_age_seconds', 'unsent_mail', 'unsent_mail_age_seconds'].map((name) =>
      now.get(`gatehouse_${name}`),
    )
  }
  expect(await waits()).toEqual([0, 0, 0, 0])
  await gatehouse.sql.begin(async (held) => {
    await held`LOCK TABLE audit_links, outgoing_messages IN SHARE MODE` // nothing is sealed, nothing is sent
    await gatehouse.anonymous.send(LoginDocument, { input: { email: 'nobody@example.com', password: 'x'.repeat(12) } })
    await held`INSERT INTO outgoing_messages (id, recipient, subject, sealed_text, created_at, due_at)
      VALUES (gen_random_uuid(), 'a@example.com', '', '', ${gatehouse.now().toISOString()}, now() + interval '1 day')`
    expect((await waits()).slice(0, 1)).toEqual([1])
    gatehouse.advanceClock(60)
    expect((await waits())[1]).toBeGreaterThan(59)
  })
  const [, , mail, age] = await eventually(async () => {
    const found = await waits()
    return found[2] === 1 && found
  })
  expect(mail).toBe(1)
  expect(age).toBeGreaterThan(59)
  expect(age).toBeLessThan(90)
  await gatehouse.sql`DELETE FROM outgoing_messages WHERE recipient = 'a@example.com'`
})
