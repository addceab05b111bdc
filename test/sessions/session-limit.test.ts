import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SessionLimitPolicy } from '../../src/sessions/session-limit.ts'
import type { Client } from '../support/client.ts'
import {
  type LimitPartsFragment,
  ListSessionsDocument,
  LoginDocument,
  LogoutDocument,
  MeDocument,
  ResolveSessionLimitDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser, testPassword } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { roundsOf } from '../support/rounds.ts'
import { answerChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

const mostSessions = 3

let gatehouse: Gatehouse
const servers: Partial<Record<SessionLimitPolicy, [Gatehouse, Gatehouse]>> = {}
beforeAll(async () => {
  gatehouse = await startGatehouse()
  const { databaseUrl } = gatehouse
  for (const policy of ['EVICT_OLDEST', 'DENY', 'ASK'] as const) {
    const start = () => startGatehouse({ databaseUrl, config: { sessionLimit: { mostSessions, policy } } })
    servers[policy] = [await start(), await start()]
  }
})
afterAll(async () => {
  for (const server of Object.values(servers).flat()) await server.close()
  await gatehouse.close()
})

const serversOf = (policy: SessionLimitPolicy): [Gatehouse, Gatehouse] => servers[policy] as [Gatehouse, Gatehouse]

const signIn = ({ anonymous }: { anonymous: Client }, { email, password }: TestUser) =>
  anonymous.send(LoginDocument, { input: { email, password } })

/** Live sessions as the record has them. */
const liveSessions = async ({ id }: TestUser): Promise<string[]> => {
  const rows = await gatehouse.sql`
    SELECT id FROM user_sessions WHERE user_id = ${id} AND ended_at IS NULL ORDER BY created_at, id`
  return rows.map((row) => row.id)
}

/** A user who has as many sessions as they may, the oldest first. */
const fullUser = async () => {
  const user = await gatehouse.createUser()
  const sessions: Awaited<ReturnType<Gatehouse['signedInAs']>>[] = []
  for (let made = 0; made < mostSessions; made++) {
    sessions.push(await gatehouse.signedInAs(user))
    for (const server of [gatehouse, ...Object.values(servers).flat()]) server.advanceClock(1)
  }
  return { user, sessions }
}

const ticketFor = async (server: Gatehouse, user: TestUser): Promise<LimitPartsFragment> => {
  const { data, text } = await signIn(server, user)
  if (data?.login.__typename !== 'SessionLimitReached') throw new Error(`There was room: ${text}`)
  return data.login
}

const resolve = (client: Client, ticket: string, endSessionIds: string[]) =>
  client.send(ResolveSessionLimitDocument, { input: { ticket, endSessionIds } })

/** Signs in `count` times at once, so that each has begun to decide before any has a session. */
const signInTogether = async (policy: SessionLimitPolicy, user: TestUser, count: number) => {
  const { sql } = gatehouse
  let answers: ReturnType<typeof signIn>[] = []
  await sql.begin(async (tx) => {
    await tx`SELECT id FROM users WHERE id = ${user.id} FOR UPDATE`
    answers = Array.from({ length: count }, (_none, index) => signIn(serversOf(policy)[index % 2] as Gatehouse, user))
    await eventually(async () => {
      const [waiting] = await sql`
        SELECT count(*)::int AS found FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE '%no key update%'`
      return waiting?.found === count
    })
  })
  return Promise.all(answers)
}

describe('EVICT_OLDEST', () => {
  test('one sign-in too many ends the session that began first, on every server, with an event', async () => {
    const [one, other] = serversOf('EVICT_OLDEST')
    const { user, sessions } = await fullUser()
    const [oldest, ...rest] = sessions
    for (const server of [one, other]) await server.clientWith(oldest?.token ?? '').ask(MeDocument, {})
    const { data } = await signIn(one, user)
    expect(data?.login.__typename).toBe('SignedIn')
    for (const server of [one, other]) {
      const { extensions } = await server.clientWith(oldest?.token ?? '').refused(MeDocument, {})
      expect(extensions).toEqual({ code: 'SESSION_ENDED', reason: 'LIMIT_REACHED' })
    }
    for (const session of rest) await session.ask(MeDocument, {})
    expect(await liveSessions(user)).toHaveLength(mostSessions)
    const ends = (await historyOf(gatehouse, user)).filter(({ type }) => type === 'SESSION_REVOKED')
    expect(ends).toMatchObject([
      { sessionId: oldest?.sessionId, outcome: 'SUCCESS', details: { reason: 'LIMIT_REACHED' } },
    ])
  })

  test('200 sign-ins at once over two servers never leave more sessions than the limit', async () => {
    const user = await gatehouse.createUser()
    const pair = serversOf('EVICT_OLDEST')
    let most = 0
    let isDone = false
    const watch = async () => {
      while (!isDone) most = Math.max(most, (await liveSessions(user)).length)
    }
    const watching = watch()
    const answers = await atOnce(200, pair, (server) => signIn(server, user))
    isDone = true
    await watching
    const { OK: made = 0, ACCOUNT_LOCKED: keptWaiting = 0 } = tally(answers) // who waits three seconds is sent away
    expect(made + keptWaiting).toBe(200)
    expect(most).toBe(mostSessions)
    const live = await liveSessions(user)
    expect(live).toHaveLength(mostSessions)

    const tokens = answers.map(({ data }) => (data?.login.__typename === 'SignedIn' ? data.login : null))
    const alive = await Promise.all(
      tokens.map(async (signedIn, index) => {
        const server = pair[index % 2] as Gatehouse
        const { errors } = await server.clientWith(signedIn?.sessionToken ?? '').send(MeDocument, {})
        return errors ? null : (signedIn?.session.id ?? null)
      }),
    )
    expect(alive.filter(Boolean).sort()).toEqual([...live].sort())
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({
      SESSION_CREATED: made,
      SESSION_REVOKED: made - mostSessions,
    })
  })

  test('sign-ins that all began to decide before any had a session leave no more than the limit', async () => {
    const user = await gatehouse.createUser()
    expect(tally(await signInTogether('EVICT_OLDEST', user, 8))).toEqual({ OK: 8 })
    expect(await liveSessions(user)).toHaveLength(mostSessions)
  })

  test('a limit that was lowered is kept from the next sign-in on', async () => {
    const { user } = await fullUser()
    for (let more = 0; more < 4; more++) await gatehouse.signedInAs(user)
    await signIn(serversOf('EVICT_OLDEST')[0], user)
    expect(await liveSessions(user)).toHaveLength(mostSessions)
  })

  test('sessions that ran out of time take no place', async () => {
    const { user, sessions } = await fullUser()
    await gatehouse.sql`UPDATE user_sessions SET idle_expires_at = created_at WHERE id = ${sessions[2]?.sessionId ?? ''}`
    await signIn(serversOf('EVICT_OLDEST')[0], user)
    await sessions[0]?.ask(MeDocument, {})
  })
})

describe('DENY', () => {
  test('one sign-in too many is refused with CONFLICT, recorded, and changes nothing', async () => {
    const [server] = serversOf('DENY')
    const { user, sessions } = await fullUser()
    const { errors, status } = await signIn(server, user)
    expect([status, errors?.[0]?.extensions]).toEqual([200, { code: 'CONFLICT' }])
    for (const session of sessions) await session.ask(MeDocument, {})
    expect(countTypes(await historyOf(gatehouse, user))).toEqual({ LOGIN_FAILED: 1 })

    await sessions[0]?.ask(LogoutDocument, {})
    expect((await signIn(server, user)).data?.login.__typename).toBe('SignedIn')
  })

  test('a wrong password is told nothing of the limit', async () => {
    const [server] = serversOf('DENY')
    const { user } = await fullUser()
    const { errors } = await signIn(server, { ...user, password: 'not the password at all' })
    expect(errors?.[0]?.extensions.code).toBe('INVALID_CREDENTIALS')
  })

  test('a right code that finds no room is not used up, and costs none of the tries', async () => {
    const [server] = serversOf('DENY')
    const { user, sessions } = await fullUser()
    const seed = await gatehouse.giveTotp(user)
    const code = totpCode(seed, server.now())
    const challengeId = await loginChallenge(server.anonymous, user)
    expect((await answerChallenge(server.anonymous, challengeId, code)).errors?.[0]?.extensions.code).toBe('CONFLICT')
    await sessions[0]?.ask(LogoutDocument, {})
    const again = await answerChallenge(server.anonymous, challengeId, code)
    expect(again.data?.verifyMfa.__typename).toBe('SignedIn')
    const [budget] = await gatehouse.sql`SELECT used FROM attempt_budgets WHERE subject = ${`mfa:${user.id}`}`
    expect(budget?.used ?? 0).toBe(0)
  })

  test('of sign-ins that all began to decide before any had a session, as many succeed as there is room', async () => {
    const user = await gatehouse.createUser()
    const answers = await signInTogether('DENY', user, 8)
    expect(tally(answers)).toEqual({ OK: mostSessions, CONFLICT: 8 - mostSessions })
    expect(await liveSessions(user)).toHaveLength(mostSessions)
  })

  test('a right backup code that finds no room is kept, and the refusal recorded', async () => {
    const [server] = serversOf('DENY')
    const { user, sessions } = await fullUser()
    await gatehouse.giveTotp(user)
    const [code = ''] = await gatehouse.giveBackupCodes(user)
    const challengeId = await loginChallenge(server.anonymous, user)
    expect((await answerChallenge(server.anonymous, challengeId, code)).errors?.[0]?.extensions.code).toBe('CONFLICT')
    expect(countTypes(await historyOf(gatehouse, user))).toEqual({ MFA_CHALLENGED: 1, LOGIN_FAILED: 1 })
    await sessions[0]?.ask(LogoutDocument, {})
    const again = await answerChallenge(server.anonymous, challengeId, code)
    expect(again.data?.verifyMfa.__typename).toBe('SignedIn')
  })

  test('A1: a used code is refused as used where there is no room, and costs a try', async () => {
    const [server] = serversOf('DENY')
    const { user, sessions } = await fullUser()
    const seed = await gatehouse.giveTotp(user)
    await sessions[0]?.ask(LogoutDocument, {})
    const code = totpCode(seed, server.now())
    await answerChallenge(server.anonymous, await loginChallenge(server.anonymous, user), code)
    const replay = await answerChallenge(server.anonymous, await loginChallenge(server.anonymous, user), code)
    expect(replay.errors?.[0]?.extensions.code).toBe('MFA_CODE_INVALID')
    const [budget] = await gatehouse.sql`SELECT used FROM attempt_budgets WHERE subject = ${`mfa:${user.id}`}`
    expect(budget?.used).toBe(1)
  })

  test('of 200 sign-ins at once over two servers exactly as many succeed as there is room', async () => {
    const user = await gatehouse.createUser()
    const answers = await atOnce(200, serversOf('DENY'), (server) => signIn(server, user))
    const { OK, CONFLICT = 0, ACCOUNT_LOCKED: keptWaiting = 0 } = tally(answers)
    expect([OK, CONFLICT + keptWaiting]).toEqual([mostSessions, 200 - mostSessions])
    expect(await liveSessions(user)).toHaveLength(mostSessions)
  })
})

describe('ASK', () => {
  test('one sign-in too many gets a ticket and the list; ending one of it gets in, and the rest goes on', async () => {
    const [one, other] = serversOf('ASK')
    const { user, sessions } = await fullUser()
    const [first, second, third] = sessions
    await other.clientWith(second?.token ?? '').ask(MeDocument, {})
    const asked = await ticketFor(one, user)
    expect(asked.sessions.map(({ id }) => id).sort()).toEqual(sessions.map(({ sessionId }) => sessionId).sort())
    expect(asked.sessions.every(({ current }) => !current)).toBe(true)

    const { data } = await resolve(other.anonymous, asked.ticket, [second?.sessionId ?? ''])
    const token = data?.resolveSessionLimit.sessionToken ?? ''
    const { listSessions } = await one.clientWith(token).ask(ListSessionsDocument, {})
    expect(listSessions).toHaveLength(mostSessions)
    expect((await one.clientWith(second?.token ?? '').refused(MeDocument, {})).extensions).toEqual({
      code: 'SESSION_ENDED',
      reason: 'LIMIT_REACHED',
    })
    for (const session of [first, third]) await session?.ask(MeDocument, {})
    const types = (await historyOf(gatehouse, user)).map(({ type, outcome }) => `${type} ${outcome}`)
    expect(types).toEqual([
      'LOGIN_FAILED DENIED',
      'SESSION_REVOKED SUCCESS',
      'LOGIN_SUCCEEDED SUCCESS',
      'SESSION_CREATED SUCCESS',
    ])
  })

  test('a ticket opens one session, however many use it at once on two servers', async () => {
    for (let round = 0; round < roundsOf(2); round++) {
      const { user, sessions } = await fullUser()
      const { ticket } = await ticketFor(serversOf('ASK')[0], user)
      const ends = sessions.map(({ sessionId }) => sessionId)
      const answers = await atOnce(50, serversOf('ASK'), ({ anonymous }) => resolve(anonymous, ticket, ends))
      expect(tally(answers)).toEqual({ OK: 1, CHALLENGE_EXPIRED: 49 })
      expect(await liveSessions(user)).toHaveLength(1)
    }
  })

  test('many tickets at once never leave more sessions than the limit', async () => {
    const { user, sessions } = await fullUser()
    const pair = serversOf('ASK')
    const asked = await atOnce(20, pair, (server) => ticketFor(server, user))
    const answers = await atOnce(20, pair, ({ anonymous }, index) =>
      resolve(anonymous, asked[index]?.ticket ?? '', [sessions[index % mostSessions]?.sessionId ?? '']),
    )
    expect(tally(answers)).toEqual({ OK: mostSessions, CONFLICT: 20 - mostSessions })
    expect(await liveSessions(user)).toHaveLength(mostSessions)
  })

  test('who ends too few is told so, nothing is ended, and the ticket still holds', async () => {
    const [server] = serversOf('ASK')
    const { user, sessions } = await fullUser()
    await gatehouse.signedInAs(user)
    const { ticket } = await ticketFor(server, user)
    const [first, second] = sessions.map(({ sessionId }) => sessionId) as [string, string]
    for (const ends of [[], [first]]) {
      expect((await resolve(server.anonymous, ticket, ends)).errors?.[0]?.extensions).toEqual({ code: 'CONFLICT' })
    }
    expect(await liveSessions(user)).toHaveLength(mostSessions + 1)
    expect(countTypes(await historyOf(gatehouse, user))).toEqual({ LOGIN_FAILED: 3 })
    expect((await resolve(server.anonymous, ticket, [first, second])).data?.resolveSessionLimit).toBeTruthy()
  })

  test("D5: someone else's session and one that never was answer NOT_FOUND alike, and neither ends anything", async () => {
    const [server] = serversOf('ASK')
    const { user, sessions } = await fullUser()
    const stranger = await gatehouse.signedInAs(await gatehouse.createUser())
    const { ticket } = await ticketFor(server, user)
    const answers = await Promise.all(
      [stranger.sessionId, crypto.randomUUID(), 'nonsense'].map((id) =>
        resolve(server.anonymous, ticket, [sessions[0]?.sessionId ?? '', id]),
      ),
    )
    expect(tally(answers)).toEqual({ NOT_FOUND: 3 })
    await stranger.ask(MeDocument, {})
    expect(await liveSessions(user)).toHaveLength(mostSessions)
  })

  test.each([
    ['expired', async () => serversOf('ASK').map((server) => server.advanceClock(301))],
    [
      'followed by a new password',
      async ({ id }: TestUser) =>
        gatehouse.sql`UPDATE users SET password_version = password_version + 1 WHERE id = ${id}`,
    ],
    ['followed by a second factor', async (user: TestUser) => gatehouse.giveTotp(user)],
  ])('a ticket that is %s opens nothing', async (_what, happen) => {
    const [server] = serversOf('ASK')
    const { user, sessions } = await fullUser()
    const { ticket } = await ticketFor(server, user)
    await happen(user)
    const { errors } = await resolve(server.anonymous, ticket, [sessions[0]?.sessionId ?? ''])
    expect(errors?.[0]?.extensions).toEqual({ code: 'CHALLENGE_EXPIRED' })
    expect(await liveSessions(user)).toHaveLength(mostSessions)
  })

  test('with a second factor the ticket comes after the code, bears both proofs, and the code is used up', async () => {
    const [server] = serversOf('ASK')
    const { user, sessions } = await fullUser()
    const seed = await gatehouse.giveTotp(user)
    const code = totpCode(seed, server.now())
    const { data } = await answerChallenge(server.anonymous, await loginChallenge(server.anonymous, user), code)
    if (data?.verifyMfa.__typename !== 'SessionLimitReached') throw new Error('There was room')
    const { ticket } = data.verifyMfa
    const replay = await answerChallenge(server.anonymous, await loginChallenge(server.anonymous, user), code)
    expect(replay.errors?.[0]?.extensions.code).toBe('MFA_CODE_INVALID')
    const resolved = await resolve(server.anonymous, ticket, [sessions[0]?.sessionId ?? ''])
    expect(resolved.data?.resolveSessionLimit.session).toMatchObject({ assurance: 'AAL2' })
  })

  test('a ticket is stored as its hash alone, and no other text opens anything', async () => {
    const [server] = serversOf('ASK')
    const { user } = await fullUser()
    const { ticket } = await ticketFor(server, user)
    const rows = await gatehouse.sql`SELECT t::text AS text FROM session_tickets t`
    expect(rows.map(({ text }) => text).join()).not.toContain(ticket)
    for (const text of ['', 'nonsense', `${ticket}A`, testPassword]) {
      expect((await resolve(server.anonymous, text, [])).errors?.[0]?.extensions.code).toBe('CHALLENGE_EXPIRED')
    }
  })
})
