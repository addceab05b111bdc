import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../support/client.ts'
import {
  ListSessionsDocument,
  LogoutDocument,
  MeDocument,
  RefreshSessionDocument,
  RevokeSessionDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { subjectsTo } from '../support/recovery.ts'
import { roundsOf } from '../support/rounds.ts'

let gatehouse: Gatehouse
let other: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
  other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
})
afterAll(async () => {
  await other.close()
  await gatehouse.close()
})

const advanceClocks = (seconds: number) => {
  for (const server of [gatehouse, other]) server.advanceClock(seconds)
}

const session = async () => {
  const user = await gatehouse.createUser()
  return { user, ...(await gatehouse.signedInAs(user)) }
}

const refresh = async (client: Client): Promise<string> => {
  const { refreshSession } = await client.ask(RefreshSessionDocument, {})
  return refreshSession.sessionToken as string
}

const refusal = async (client: Client) => (await client.refused(MeDocument, {})).extensions
const reused = { code: 'SESSION_ENDED', reason: 'TOKEN_REUSED' }

test('a refresh gives the session a new token and a new idle time; its absolute end and its id stay', async () => {
  const first = await session()
  const [before] = (await first.ask(ListSessionsDocument, {})).listSessions
  advanceClocks(600)
  const { refreshSession } = await first.ask(RefreshSessionDocument, {})
  expect(refreshSession).toMatchObject({ deviceToken: null, user: { id: first.user.id } })
  expect(refreshSession.sessionToken).not.toBe(first.token)
  const [after] = (await other.clientWith(refreshSession.sessionToken as string).ask(ListSessionsDocument, {}))
    .listSessions
  expect(after).toMatchObject({ id: before?.id, expiresAt: before?.expiresAt, current: true })
  expect(new Date(after?.idleExpiresAt ?? 0) > new Date(before?.idleExpiresAt ?? 0)).toBe(true)
  expect(countTypes(await historyOf(gatehouse, first.user))).toEqual({ SESSION_REFRESHED: 1 })
})

test('D9: 20 refreshes at once over two servers get one successor, and one event says so', async () => {
  for (let round = 0; round < roundsOf(3); round++) {
    const { user, token } = await session()
    const answers = await atOnce(20, [gatehouse, other], (server) =>
      server.clientWith(token).send(RefreshSessionDocument, {}),
    )
    expect(tally(answers)).toEqual({ OK: 20 })
    expect(new Set(answers.map(({ data }) => data?.refreshSession.sessionToken)).size).toBe(1)
    expect(countTypes(await historyOf(gatehouse, user))).toEqual({ SESSION_REFRESHED: 1 })
  }
})

test('for a few seconds the old token of a refreshed session still reads, on every server', async () => {
  const { token } = await session()
  await refresh(gatehouse.clientWith(token))
  for (const server of [gatehouse, other]) await server.clientWith(token).ask(MeDocument, {})
  advanceClocks(4)
  for (const server of [gatehouse, other]) await server.clientWith(token).ask(MeDocument, {})
})

test('the old token dies with its session also in those seconds', async () => {
  const { token } = await session()
  const next = await refresh(gatehouse.clientWith(token))
  await other.clientWith(token).ask(MeDocument, {})
  await gatehouse.clientWith(next).ask(LogoutDocument, {})
  for (const server of [gatehouse, other]) {
    expect(await refusal(server.clientWith(token))).toEqual({ code: 'SESSION_ENDED', reason: 'SIGNED_OUT' })
  }
})

test.each(['reading', 'refreshing'])(
  'D9: the old token used later, %s, ends the session for both who have one, with an event and a notice',
  async (how) => {
    const { user, token, sessionId } = await session()
    const next = await refresh(gatehouse.clientWith(token))
    await other.clientWith(next).ask(MeDocument, {})
    advanceClocks(6)
    const document = how === 'reading' ? MeDocument : RefreshSessionDocument
    const thief = other.clientWith(token).with({ 'user-agent': 'thief/1.0' })
    expect((await thief.refused(document as typeof MeDocument, {})).extensions).toEqual(reused)
    for (const server of [gatehouse, other]) {
      for (const text of [token, next]) expect(await refusal(server.clientWith(text))).toEqual(reused)
    }
    const events = (await historyOf(gatehouse, user)).filter(({ type }) => type === 'SESSION_TOKEN_REUSED')
    expect(events).toMatchObject([
      {
        sessionId,
        outcome: 'DENIED',
        severity: 'CRITICAL',
        device: { label: 'thief' },
        details: { reason: 'TOKEN_REUSED' },
      },
    ])
    expect(await subjectsTo(gatehouse, user.email, 1)).toEqual(['A session was ended for your safety'])
  },
)

test('D9: a token two generations old ends the session at once, and the newest token with it', async () => {
  const { token } = await session()
  const second = await refresh(gatehouse.clientWith(token))
  const third = await refresh(gatehouse.clientWith(second))
  expect(await refusal(other.clientWith(token))).toEqual(reused)
  for (const text of [second, third]) expect(await refusal(gatehouse.clientWith(text))).toEqual(reused)
})

test('an old token in its five seconds opens nothing once a step-up came between, and ends nothing', async () => {
  const user = await gatehouse.createUser()
  const { token } = await gatehouse.signedInAs(user)
  const next = gatehouse.clientWith(await refresh(gatehouse.clientWith(token)))
  const { data } = await next.sendText(
    'mutation ($password: String!) { reauthenticate(password: $password) { sessionToken } }',
    { password: user.password },
  )
  const { sessionToken } = (data?.reauthenticate ?? {}) as { sessionToken: string }
  for (const server of [gatehouse, other]) {
    expect(await refusal(server.clientWith(token))).toEqual({ code: 'UNAUTHENTICATED' })
    await server.clientWith(sessionToken).ask(MeDocument, {})
  }
})

test('a user who refreshes without end is refused, and recorded, and goes on after a quarter of an hour', async () => {
  const { user, token } = await session()
  let current = token
  for (let count = 0; count < 200; count++) current = await refresh(gatehouse.clientWith(current))
  const { extensions } = await other.clientWith(current).refused(RefreshSessionDocument, {})
  expect(extensions.code).toBe('RATE_LIMITED')
  await other.clientWith(current).ask(MeDocument, {})
  expect(countTypes(await historyOf(gatehouse, user))).toEqual({ SESSION_REFRESHED: 200, RATE_LIMITED: 1 })
})

test('of 50 uses of an old token at once on two servers, all are refused and one event is recorded', async () => {
  const { user, token } = await session()
  await refresh(gatehouse.clientWith(token))
  advanceClocks(6)
  const answers = await atOnce(50, [gatehouse, other], (server) => server.clientWith(token).send(MeDocument, {}))
  expect(tally(answers)).toEqual({ SESSION_ENDED: 50 })
  const { SESSION_TOKEN_REUSED } = countTypes(await historyOf(gatehouse, user))
  expect(SESSION_TOKEN_REUSED).toBe(1)
})

test('a refresh and a revocation at once leave no token that opens the session', async () => {
  for (let round = 0; round < roundsOf(3); round++) {
    const { user, token, sessionId } = await session()
    const laptop = await gatehouse.signedInAs(user)
    const [refreshed] = await Promise.all([
      other.clientWith(token).send(RefreshSessionDocument, {}),
      laptop.ask(RevokeSessionDocument, { id: sessionId }),
    ])
    const next = refreshed.data?.refreshSession.sessionToken
    for (const text of [token, ...(next ? [next] : [])]) {
      for (const server of [gatehouse, other])
        expect((await refusal(server.clientWith(text))).code).toBe('SESSION_ENDED')
    }
  }
})

test('a session that refreshes and does more in one request does both', async () => {
  const { sendText } = await session()
  const { data, errors } = await sendText('mutation { refreshSession { sessionToken } logout { endReason } }')
  expect(errors).toBeUndefined()
  expect(data).toMatchObject({ logout: { endReason: 'SIGNED_OUT' } })
})

test('an account that wrong codes have locked is refreshed after the lock, and not before', async () => {
  const { user, token } = await session()
  const at = gatehouse.now()
  const until = new Date(at.getTime() + 60_000).toISOString()
  await gatehouse.sql`
    INSERT INTO attempt_budgets (subject, user_id, used, window_ends_at, locked_at)
    VALUES (${`mfa:${user.id}`}, ${user.id}, 10, ${until}, ${at.toISOString()})`
  const { extensions } = await gatehouse.clientWith(token).refused(RefreshSessionDocument, {})
  expect(extensions).toMatchObject({ code: 'ACCOUNT_LOCKED' })
  expect(extensions.retryAfterSeconds).toBeGreaterThan(50)
  await gatehouse.clientWith(token).ask(MeDocument, {})
  advanceClocks(61)
  await refresh(gatehouse.clientWith(token))
  expect((await historyOf(gatehouse, user)).map(({ type, outcome }) => `${type} ${outcome}`)).toEqual([
    'SESSION_REFRESHED DENIED',
    'SESSION_REFRESHED SUCCESS',
  ])
})

test('a refresh keeps the session from idling out, and no refresh passes its absolute end', async () => {
  const { token } = await session()
  let current = token
  for (let passed = 0; passed < 23; passed++) {
    advanceClocks(3500)
    current = await refresh(other.clientWith(current))
  }
  advanceClocks(24 * 3600 - 23 * 3500 + 1)
  await eventually(async () => (await refusal(other.clientWith(current))).reason === 'EXPIRED')
})
