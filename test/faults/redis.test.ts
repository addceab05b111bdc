import { afterEach, expect, test } from 'vitest'
import { ListSessionsDocument, MeDocument, RevokeSessionDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { startRedisServer } from '../support/redis-server.ts'

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const startWithOwnRedis = async () => {
  const redis = await startRedisServer()
  cleanUps.push(redis.stop)
  const gatehouse = await startGatehouse({ redisUrl: redis.url })
  cleanUps.push(gatehouse.close)
  return { redis, gatehouse }
}

const redisStateOf = async ({ url }: Gatehouse): Promise<string> => {
  const { components } = (await (await fetch(`${url}/readyz`)).json()) as { components: { redis: string } }
  return components.redis
}

/** Two sessions of one user, both with a copy in Redis. */
const twoWarmSessions = async (gatehouse: Gatehouse) => {
  const user = await gatehouse.createUser()
  const kept = await gatehouse.signedInAs(user)
  const lost = await gatehouse.signedInAs(user)
  for (const client of [kept, lost]) await client.ask(MeDocument, {})
  return { kept, lost }
}

const elapsed = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await work()
  return performance.now() - start
}

test('I1: with Redis killed, live sessions go on from PostgreSQL, and an end made meanwhile holds after its return', async () => {
  const { redis, gatehouse } = await startWithOwnRedis()
  const { kept, lost } = await twoWarmSessions(gatehouse)
  await redis.kill()

  expect((await kept.ask(ListSessionsDocument, {})).listSessions).toHaveLength(2)
  await eventually(async () => (await redisStateOf(gatehouse)) === 'down')
  await kept.ask(RevokeSessionDocument, { id: lost.sessionId })
  expect((await lost.refused(MeDocument, {})).extensions.code).toBe('SESSION_ENDED')

  await redis.restart()
  await eventually(async () => (await redisStateOf(gatehouse)) === 'up')
  expect((await lost.refused(MeDocument, {})).extensions).toMatchObject({
    code: 'SESSION_ENDED',
    reason: 'REVOKED_BY_USER',
  })
  await kept.ask(MeDocument, {})
})

test('I2: with Redis frozen every request is answered within 3 s, and its stale copy of an ended session is never believed', async () => {
  const { redis, gatehouse } = await startWithOwnRedis()
  const { kept, lost } = await twoWarmSessions(gatehouse)
  const other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl, redisUrl: redis.url })
  cleanUps.push(other.close)
  await other.clientWith(lost.token).ask(MeDocument, {})
  redis.freeze()

  expect(await elapsed(() => kept.ask(MeDocument, {}))).toBeLessThan(3_000)
  expect(await elapsed(() => kept.ask(RevokeSessionDocument, { id: lost.sessionId }))).toBeLessThan(3_000)
  expect((await other.clientWith(lost.token).refused(MeDocument, {})).extensions.code).toBe('SESSION_ENDED')

  redis.thaw()
  for (const server of [gatehouse, other]) {
    await eventually(async () => (await redisStateOf(server)) === 'up')
    expect((await server.clientWith(lost.token).refused(MeDocument, {})).extensions.code).toBe('SESSION_ENDED')
    await server.clientWith(kept.token).ask(MeDocument, {})
  }
})

test('I3: with Redis restarted empty, live sessions are rebuilt from PostgreSQL and ended ones stay ended', async () => {
  const { redis, gatehouse } = await startWithOwnRedis()
  const { kept, lost } = await twoWarmSessions(gatehouse)
  await kept.ask(RevokeSessionDocument, { id: lost.sessionId })
  await redis.restart()
  await eventually(async () => (await redisStateOf(gatehouse)) === 'up')

  await kept.ask(MeDocument, {})
  expect((await lost.refused(MeDocument, {})).extensions.code).toBe('SESSION_ENDED')
})

test('a server without Redis signs in, checks and ends sessions', async () => {
  const gatehouse = await startGatehouse({ redisUrl: null })
  cleanUps.push(gatehouse.close)
  const { kept, lost } = await twoWarmSessions(gatehouse)
  await kept.ask(RevokeSessionDocument, { id: lost.sessionId })
  expect((await lost.refused(MeDocument, {})).extensions.code).toBe('SESSION_ENDED')
  expect((await (await fetch(`${gatehouse.url}/readyz`)).json()) as object).toMatchObject({ status: 'degraded' })
})
