import { afterAll, beforeAll, expect, test } from 'vitest'
import { secondsAfter } from '../../src/lib/clock.ts'
import type { Client } from '../support/client.ts'
import {
  IssueAccessTokenDocument,
  LoginDocument,
  LogoutDocument,
  MeDocument,
  OwnEventsDocument,
  RefreshSessionDocument,
  RevokeOtherSessionsDocument,
  RevokeSessionDocument,
  RevokeUserSessionsDocument,
  SessionEndedDocument,
  SuspendUserDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { connect, newestEvent } from '../support/live-socket.ts'
import { addresses, at, chrome, firefox } from '../support/places.ts'

const { zurich, tokyo } = addresses

let gatehouse: Gatehouse
/** Another server on the same record, which ends what the first has sockets of. */
let other: Gatehouse
let admin: Client
beforeAll(async () => {
  const trustedProxies = ['127.0.0.1']
  gatehouse = await startGatehouse({ config: { trustedProxies } })
  const sessionLimit = { mostSessions: 2, policy: 'EVICT_OLDEST' } as const
  other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl, config: { trustedProxies, sessionLimit } })
  const account = await gatehouse.createUser({ role: 'ADMIN' })
  await gatehouse.giveTotp(account)
  const { token } = await gatehouse.signedInAs(account, ['PASSWORD', 'TOTP'], secondsAfter(gatehouse.now(), 3600))
  admin = other.clientWith(token)
})
afterAll(async () => {
  await other.close()
  await gatehouse.close()
})

interface Victim {
  readonly user: TestUser
  readonly token: string
  readonly sessionId: string
  /** The same session, as the other server sees it. */
  readonly elsewhere: Client
}

const another = async ({ user }: Victim): Promise<Client> =>
  other.clientWith((await gatehouse.signedInAs(user, ['PASSWORD'], secondsAfter(gatehouse.now(), 300))).token)

const endings: Record<string, (victim: Victim) => Promise<unknown>> = {
  SIGNED_OUT: ({ elsewhere }) => elsewhere.ask(LogoutDocument, {}),
  REVOKED_BY_USER: async (victim) => (await another(victim)).ask(RevokeSessionDocument, { id: victim.sessionId }),
  'REVOKED_BY_USER with all others': async (victim) => (await another(victim)).ask(RevokeOtherSessionsDocument, {}),
  REVOKED_BY_ADMIN: ({ user }) => admin.ask(RevokeUserSessionsDocument, { id: user.id, reason: 'test' }),
  ACCOUNT_SUSPENDED: ({ user }) => admin.ask(SuspendUserDocument, { id: user.id, reason: 'test' }),
  PASSWORD_CHANGED: async (victim) =>
    (await another(victim)).sendText(
      `mutation { changePassword(input: { currentPassword: "${victim.user.password}", newPassword: "another fine passphrase" }) { sessionToken } }`,
    ),
  LIMIT_REACHED: async ({ user: { email, password } }) => {
    for (let turn = 0; turn < 3; turn++) await other.anonymous.ask(LoginDocument, { input: { email, password } })
  },
  TOKEN_REUSED: async ({ elsewhere }) => {
    await elsewhere.ask(RefreshSessionDocument, {})
    other.advanceClock(10)
    await elsewhere.send(MeDocument, {})
  },
  RISK: ({ elsewhere }) => at(elsewhere, tokyo, firefox).send(MeDocument, {}),
}

/** A session that began in Zurich, with a socket there. */
const withSocket = async () => {
  const user = await gatehouse.createUser()
  const { token, sessionId } = await gatehouse.signedInAs(user)
  await gatehouse.sql`UPDATE user_sessions SET ip_address = ${zurich}, user_agent = ${chrome} WHERE id = ${sessionId}`
  const elsewhere = at(other.clientWith(token), zurich)
  await elsewhere.ask(IssueAccessTokenDocument, { audience: 'shop' })
  const live = await connect(gatehouse.url, token, { headers: { 'x-forwarded-for': zurich, 'user-agent': chrome } })
  const own = live.subscribe(OwnEventsDocument, { after: await newestEvent(gatehouse, user.id) })
  const ending = live.subscribe(SessionEndedDocument, {})
  await elsewhere.ask(IssueAccessTokenDocument, { audience: 'shop' })
  await eventually(() => own.data().length === 1)
  return { user, token, sessionId, elsewhere, live, own, ending }
}

test.each(Object.entries(endings))(
  'F14 %s on another server closes the socket with 4401 within 2 s, with no event after the end',
  async (name, end) => {
    const victim = await withSocket()
    const { live, own, ending, sessionId } = victim
    const [reason] = name.split(' ') as [string]
    const startedAt = performance.now()
    await end(victim)
    expect(await live.closed).toEqual({ code: 4401, reason })
    expect(performance.now() - startedAt).toBeLessThan(name === 'LIMIT_REACHED' ? 4_000 : 2_000)
    expect(ending.data()).toMatchObject([{ sessionEnded: { id: sessionId, endReason: reason } }])
    const seen = own.data().map(({ securityEvents }) => securityEvents)
    const [row] = await gatehouse.sql`SELECT ended_at AS at FROM user_sessions WHERE id = ${sessionId}`
    const endedAt = Date.parse(row?.at)
    expect(endedAt).toBeGreaterThan(0)
    expect(seen.filter(({ occurredAt }) => Date.parse(String(occurredAt)) > endedAt)).toEqual([])
    expect(seen.map(({ type }) => type)).not.toContain('SESSION_REVOKED')
  },
)

test.each(['SIGNED_OUT', 'REVOKED_BY_ADMIN', 'ACCOUNT_SUSPENDED'])(
  'F14 %s closes within 2 s also a socket that follows no event',
  async (reason) => {
    const user = await gatehouse.createUser()
    const { token, sessionId } = await gatehouse.signedInAs(user)
    const live = await connect(gatehouse.url, token)
    const ending = live.subscribe(SessionEndedDocument, {})
    await new Promise((resolve) => setTimeout(resolve, 200)) // the look at its beginning is over
    const startedAt = performance.now()
    await endings[reason]?.({ user, token, sessionId, elsewhere: other.clientWith(token) })
    expect(await live.closed).toEqual({ code: 4401, reason })
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    expect(ending.data()).toMatchObject([{ sessionEnded: { id: sessionId, endReason: reason } }])
  },
)

test.each([
  ['IDLE', 3_600],
  ['EXPIRED', 24 * 3_600],
] as const)('F14 a session that is %s loses its socket within 2 s of its deadline', async (reason, seconds) => {
  const { live, ending, sessionId } = await withSocket()
  if (reason === 'EXPIRED')
    await gatehouse.sql`UPDATE user_sessions SET idle_expires_at = expires_at WHERE id = ${sessionId}`
  gatehouse.advanceClock(seconds)
  const startedAt = performance.now()
  expect(await live.closed).toEqual({ code: 4401, reason })
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  expect(ending.data()).toMatchObject([{ sessionEnded: { endReason: reason } }])
  gatehouse.advanceClock(-seconds)
})

test('F14 a session that is used meanwhile over HTTP keeps its socket past the deadline that it began with', async () => {
  const { live, sessionId, own, elsewhere } = await withSocket()
  const advance = (seconds: number) => {
    for (const server of [gatehouse, other]) server.advanceClock(seconds)
  }
  const deadline = async () => {
    const [row] = await gatehouse.sql`SELECT idle_expires_at AS at FROM user_sessions WHERE id = ${sessionId}`
    return Date.parse(row?.at)
  }
  const first = await deadline()
  advance(1_800)
  await elsewhere.ask(IssueAccessTokenDocument, { audience: 'shop' })
  await eventually(async () => (await deadline()) > first)
  advance(1_900)
  await new Promise((resolve) => setTimeout(resolve, 1_500)) // longer than a deadline goes unnoticed
  await elsewhere.ask(IssueAccessTokenDocument, { audience: 'shop' })
  await eventually(() => own.data().length === 3)
  live.close()
  expect((await live.closed).code).toBe(1005)
  advance(-3_700)
})

test("F14 a session that ends leaves the sockets of the user's other sessions, which see it end", async () => {
  const victim = await withSocket()
  const { token } = await gatehouse.signedInAs(victim.user)
  const bystander = await connect(gatehouse.url, token)
  const seen = bystander.subscribe(OwnEventsDocument, { after: await newestEvent(gatehouse, victim.user.id) })
  await victim.elsewhere.ask(LogoutDocument, {})
  await victim.live.closed
  await eventually(() => seen.data().length > 0)
  expect(seen.data()).toMatchObject([{ securityEvents: { type: 'LOGGED_OUT', sessionId: victim.sessionId } }])
  bystander.close()
})
