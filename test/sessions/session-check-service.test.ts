import { createClient as createRedisClient } from 'redis'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { newSessionToken } from '../../src/sessions/session-token.ts'
import type { Client } from '../support/client.ts'
import { ListSessionsDocument, LoginDocument, MeDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'

const minute = 60
const hour = 60 * minute

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

const refusal = async (client: Client) => (await client.refused(MeDocument, {})).extensions

/** Uses a session until PostgreSQL knows of it. */
const use = async (session: Client) => {
  const asked = gatehouse.now()
  await eventually(async () => {
    const { listSessions } = await session.ask(ListSessionsDocument, {})
    return listSessions.some(({ current, lastSeenAt }) => current && new Date(lastSeenAt) >= asked)
  })
}

const copiesInRedis = async (
  sessionTag: string,
  work: (redis: ReturnType<typeof createRedisClient>, keys: string[]) => Promise<unknown>,
) => {
  const redis = createRedisClient({ url: inject('redisUrl') })
  await redis.connect()
  try {
    await work(redis as ReturnType<typeof createRedisClient>, await redis.keys(`*{${sessionTag}}*`))
  } finally {
    redis.destroy()
  }
}

test('a session unused for an hour is over, and one event says so however many ask at once', async () => {
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  await session.ask(MeDocument, {})
  advanceClocks(hour - 5)
  await session.ask(MeDocument, {})

  const idle = await gatehouse.signedInAs(user)
  advanceClocks(hour)
  const clients = [idle, other.clientWith(idle.token)]
  const answers = await atOnce(30, clients, (client) => client.send(MeDocument, {}))
  expect(tally(answers)).toEqual({ SESSION_ENDED: 30 })
  expect(answers[0]?.errors?.[0]?.extensions).toEqual({ code: 'SESSION_ENDED', reason: 'IDLE' })
  expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(401))

  const ends = (await historyOf(gatehouse, user)).filter(({ sessionId }) => sessionId === idle.sessionId)
  expect(ends).toMatchObject([
    { type: 'SESSION_EXPIRED', outcome: 'SUCCESS', details: { reason: 'IDLE' }, ipAddress: null },
  ])
})

test('a session in steady use ends after 24 hours, at its absolute end', async () => {
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  for (let passed = 0; passed < 24 * hour - 20 * minute; passed += 20 * minute) {
    advanceClocks(20 * minute)
    await use(session)
  }
  advanceClocks(20 * minute + 1)
  for (const { clientWith } of [gatehouse, other]) {
    expect(await refusal(clientWith(session.token))).toEqual({ code: 'SESSION_ENDED', reason: 'EXPIRED' })
  }
  const ends = (await historyOf(gatehouse, user)).filter(({ type }) => type === 'SESSION_EXPIRED')
  expect(ends.map(({ details }) => details)).toEqual([{ reason: 'EXPIRED' }])
})

test.each([
  { reason: 'IDLE', seconds: hour + 1 },
  { reason: 'EXPIRED', seconds: 24 * hour + 1 },
])('D7: a copy in Redis that never expires revives no session that is over: $reason', async ({ reason, seconds }) => {
  const user = await gatehouse.createUser()
  const { email, password } = user
  const { login } = await gatehouse.anonymous.ask(LoginDocument, { input: { email, password } })
  if (login.__typename !== 'SignedIn') throw new Error('Not signed in')
  await copiesInRedis(user.sessionTag, async (redis, keys) => {
    expect(keys).toHaveLength(2) // the session and its user
    for (const key of keys) expect(await redis.persist(key)).toBe(1)
  })
  advanceClocks(seconds)
  for (const { clientWith } of [gatehouse, other]) {
    expect(await refusal(clientWith(login.sessionToken))).toEqual({ code: 'SESSION_ENDED', reason })
  }
})

test('a session used on a server without Redis is not idle for a server whose copy in Redis is old', async () => {
  const withoutRedis = await startGatehouse({ databaseUrl: gatehouse.databaseUrl, redisUrl: null })
  try {
    withoutRedis.advanceClock((gatehouse.now().getTime() - Date.now()) / 1000)
    const session = await gatehouse.signedInAs(await gatehouse.createUser())
    await session.ask(MeDocument, {})
    for (const server of [gatehouse, other, withoutRedis]) server.advanceClock(40 * minute)
    await use(withoutRedis.clientWith(session.token))
    advanceClocks(40 * minute)
    await session.ask(MeDocument, {})
  } finally {
    await withoutRedis.close()
  }
})

test('text that is no token, and a token of ours that never was given out, are refused as no session', async () => {
  const { sessionTag } = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(await gatehouse.createUser())
  const unknown = newSessionToken(sessionTag, gatehouse.keys).text
  for (const token of [
    '',
    'nonsense',
    'gts_',
    session.sessionId,
    `${session.token}A`,
    session.token.slice(1),
    unknown,
  ]) {
    expect(await refusal(gatehouse.clientWith(token))).toEqual({ code: 'UNAUTHENTICATED' })
  }
  await session.ask(MeDocument, {})
})
