import { afterEach, expect, inject, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { LoginDocument, MeDocument } from '../support/documents.generated.ts'
import { eventually, startGatehouse } from '../support/gatehouse.ts'
import { metricsOf } from '../support/metrics.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const readiness = async (url: string) => {
  const askedAt = performance.now()
  const response = await fetch(`${url}/readyz`)
  return { status: response.status, body: await response.json(), ms: performance.now() - askedAt }
}

test('with PostgreSQL frozen, metrics and readiness are answered all the same, and tell of it', async () => {
  const database = await createTestDatabase()
  const proxy = await startTcpProxy(database.url)
  const gatehouse = await startGatehouse({ databaseUrl: proxy.url })
  cleanUps.push(database.drop, proxy.close, gatehouse.close, proxy.restore)
  const { email } = await gatehouse.createUser()
  const log = () => gatehouse.anonymous.send(LoginDocument, { input: { email, password: 'a wrong password' } })
  await log()
  proxy.pause()
  const askedAt = performance.now()
  const [metrics, ready] = await Promise.all([metricsOf(gatehouse.url), readiness(gatehouse.url), log(), log()])
  expect(performance.now() - askedAt).toBeLessThan(3_000)
  expect(metrics.get('gatehouse_unsealed_events')).toBeNaN()
  expect(metrics.get('gatehouse_unsealed_events_age_seconds')).toBeNaN()
  expect(ready).toMatchObject({ status: 503, body: { components: { postgresql: 'down', redis: 'up' } } })
  const during = await eventually(async () => {
    const now = await metricsOf(gatehouse.url)
    return now.get('gatehouse_postgresql_reachable') === 0 && now
  })
  const unanswered = [...during].filter(([series]) => series.startsWith('gatehouse_postgresql_unanswered_total'))
  expect(unanswered.reduce((sum, [, value]) => sum + value, 0)).toBeGreaterThanOrEqual(1)
  proxy.restore()
  await eventually(async () => (await metricsOf(gatehouse.url)).get('gatehouse_postgresql_reachable') === 1)
  await eventually(async () => (await metricsOf(gatehouse.url)).get('gatehouse_unsealed_events') === 0)
})

test('a pool that is full tells how many run and how many wait', async () => {
  const gatehouse = await startGatehouse()
  cleanUps.push(gatehouse.close)
  const users = await Promise.all(Array.from({ length: 12 }, () => gatehouse.createUser()))
  const pool = async (what: string) =>
    (await metricsOf(gatehouse.url)).get(`gatehouse_postgresql_pool_${what}{pool="writing"}`)
  const tries: Promise<unknown>[] = []
  await gatehouse.sql.begin(async (held) => {
    await held`LOCK TABLE attempt_budgets` // every try to sign in claims one
    const input = users.map(({ email }) => ({ email, password: 'a wrong password' }))
    tries.push(...input.map((credentials) => gatehouse.anonymous.send(LoginDocument, { input: credentials })))
    await eventually(async () => ((await pool('waiting')) ?? 0) > 0)
    expect(await pool('running')).toBe(await pool('room'))
  })
  await Promise.all(tries)
  await eventually(async () => (await pool('running')) === 0 && (await pool('waiting')) === 0)
})

test('with Redis frozen, readiness is degraded within its deadline, metrics say that Redis is not in use, and calls that failed are counted', async () => {
  const proxy = await startTcpProxy(inject('redisUrl'))
  const gatehouse = await startGatehouse({ redisUrl: proxy.url })
  cleanUps.push(proxy.close, gatehouse.close, proxy.restore)
  const client = await gatehouse.signedInAs(await gatehouse.createUser())
  await client.ask(MeDocument, {})
  const before = await metricsOf(gatehouse.url)
  expect(before.get('gatehouse_redis_trusted')).toBe(1)
  proxy.pause()
  const { status, body, ms } = await readiness(gatehouse.url)
  expect([status, body]).toEqual([200, { status: 'degraded', components: { postgresql: 'up', redis: 'down' } }])
  expect(ms).toBeLessThan(1_000)
  await client.ask(MeDocument, {})
  const during = await metricsOf(gatehouse.url)
  expect(during.get('gatehouse_redis_trusted')).toBe(0)
  const failures = 'gatehouse_redis_failures_total'
  expect((during.get(failures) ?? 0) - (before.get(failures) ?? 0)).toBeGreaterThanOrEqual(1)
  proxy.restore()
  await eventually(async () => (await metricsOf(gatehouse.url)).get('gatehouse_redis_trusted') === 1)
})
