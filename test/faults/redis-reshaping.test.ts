import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { parseRedisAddress } from '../../src/lib/redis-address.ts'
import { keySlot } from '../../src/redis/key-slot.ts'
import { MeDocument, RevokeSessionDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { statusOf } from '../support/readiness.ts'
import { type RedisServerProcess, redisPassword } from '../support/redis-server.ts'
import { startRedisCluster, startRedisSentinels, startSingleRedis } from '../support/redis-topologies.ts'

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const timesLogged = ({ logs }: Gatehouse, message: string): number =>
  logs.filter((line) => line.includes(message)).length

test('a slot of a cluster that moves to another master and back loses no session and revives none', async () => {
  const redis = await startRedisCluster()
  cleanUps.push(redis.stop)
  const gatehouse = await startGatehouse({ redisUrl: redis.url })
  cleanUps.push(gatehouse.close)
  const user = await gatehouse.createUser()
  const kept = await gatehouse.signedInAs(user)
  const lost = await gatehouse.signedInAs(user)
  const later = await gatehouse.signedInAs(user)
  for (const { ask } of [kept, lost, later]) await ask(MeDocument, {})
  const slot = keySlot(`{${user.sessionTag}}`)
  const [home, away] = redis.mastersFrom(slot)

  await beginMove(slot, home, away)
  await moveKeys(slot, home, away)
  for (let count = 0; count < 20; count++) await kept.ask(MeDocument, {})
  expect(timesLogged(gatehouse, 'Redis is lost')).toBe(0) // a key on the move is a matter of that key
  await kept.ask(RevokeSessionDocument, { id: lost.sessionId })
  expect((await lost.refused(MeDocument, {})).extensions.code).toBe('SESSION_ENDED')
  await endMove(slot, home, away)
  await kept.ask(MeDocument, {})
  await eventually(() => timesLogged(gatehouse, 'Redis is connected') > 1)
  await kept.ask(RevokeSessionDocument, { id: later.sessionId })
  await gatehouse.sql`delete from ended_tokens` // as if this were long ago

  await beginMove(slot, away, home)
  await moveKeys(slot, away, home)
  await endMove(slot, away, home)
  const newcomer = await startGatehouse({ redisUrl: redis.url, databaseUrl: gatehouse.databaseUrl })
  cleanUps.push(newcomer.close)
  for (const server of [gatehouse, newcomer]) {
    for (const { token } of [lost, later]) {
      const { extensions } = await server.clientWith(token).refused(MeDocument, {})
      expect(extensions.code).toBe('SESSION_ENDED')
    }
    await server.clientWith(kept.token).ask(MeDocument, {})
  }
})

const beginMove = async (slot: number, from: RedisServerProcess, to: RedisServerProcess) => {
  await to.ask('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', await from.ask('CLUSTER', 'MYID'))
  await from.ask('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', await to.ask('CLUSTER', 'MYID'))
}

const moveKeys = async (slot: number, from: RedisServerProcess, to: RedisServerProcess) => {
  const keys = await from.ask<string[]>('CLUSTER', 'GETKEYSINSLOT', String(slot), '100')
  expect(keys.length).toBeGreaterThan(1)
  await from.ask('MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'AUTH', redisPassword, 'KEYS', ...keys)
}

const endMove = async (slot: number, from: RedisServerProcess, to: RedisServerProcess) => {
  const id = await to.ask<string>('CLUSTER', 'MYID')
  for (const node of [to, from]) await node.ask('CLUSTER', 'SETSLOT', String(slot), 'NODE', id)
}

describe('on sentinels that fail', () => {
  const start = async () => {
    const redis = await startRedisSentinels()
    cleanUps.push(redis.stop)
    const config = { redis: parseRedisAddress(redis.url, redisPassword) }
    const gatehouse = await startGatehouse({ config })
    cleanUps.push(gatehouse.close)
    const startOther = async () => {
      const other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl, config })
      cleanUps.push(other.close)
      return other
    }
    return { redis, gatehouse, startOther }
  }

  test('with one of three frozen Redis stays trusted, and is trusted by a new server', async () => {
    const { redis, gatehouse, startOther } = await start()
    redis.sentinels[0].freeze()
    const servers = [gatehouse, await startOther()]
    expect(await Promise.all(servers.map(statusOf))).toEqual(['ready', 'ready'])
    await pause(5_000) // several rounds of questions
    expect(await Promise.all(servers.map(statusOf))).toEqual(['ready', 'ready'])
    expect(servers.map((server) => timesLogged(server, 'Redis is lost'))).toEqual([0, 0])
  })

  test('one sentinel of three is not believed: PostgreSQL answers until a second one is back', async () => {
    const { redis, gatehouse, startOther } = await start()
    const { token } = await gatehouse.signedInAs(await gatehouse.createUser())
    const [, second, third] = redis.sentinels
    await Promise.all([second.kill(), third.kill()])
    const newcomer = await startOther()
    const servers = [gatehouse, newcomer]
    expect(await statusOf(newcomer)).toBe('degraded')
    await newcomer.clientWith(token).ask(MeDocument, {})
    const killed = performance.now()
    await eventually(async () => (await statusOf(gatehouse)) === 'degraded')
    expect(performance.now() - killed).toBeLessThan(8_000)
    await gatehouse.clientWith(token).ask(MeDocument, {})
    expect(await statusOf(newcomer)).toBe('degraded')

    await second.restart()
    await eventually(async () => (await Promise.all(servers.map(statusOf))).every((status) => status === 'ready'))
    for (const server of servers) await server.clientWith(token).ask(MeDocument, {})
  })
})

test.each([
  { kind: 'one server', startRedis: startSingleRedis, masters: 1 },
  { kind: 'a cluster', startRedis: startRedisCluster, masters: 3 },
])('what former reigns left on $kind is swept away, and nothing else', async ({ startRedis, masters }) => {
  const redis = await startRedis()
  cleanUps.push(redis.stop)
  const first = await startGatehouse({ redisUrl: redis.url })
  cleanUps.push(first.close)
  const allKeys = async () =>
    (await Promise.all(redis.servers.slice(0, masters).map((it) => it.ask<string[]>('KEYS', '*')))).flat()
  await eventually(async () => {
    const states = redis.servers.slice(0, masters).map(async (server) => {
      const [key = ''] = await server.ask<string[]>('KEYS', '*:sweep')
      return server.ask('GET', key)
    })
    return (await Promise.all(states)).every((state) => state === 'done')
  })

  const { token } = await first.signedInAs(await first.createUser())
  await first.clientWith(token).ask(MeDocument, {})
  const kept = [...(await allKeys()).filter((key) => /:[su](:|$)/.test(key)), 'another-program:{1}']
  expect(kept).toHaveLength(3)
  for (const server of redis.servers.slice(0, masters)) {
    const script = `
      for number = 1, ARGV[1] do redis.pcall('SET', 'gatehouse:0123456789abcdef:{' .. number .. '}:u', 'old') end
      redis.pcall('SET', 'another-program:{1}', 'x')
      for _, key in ipairs(redis.call('KEYS', '*:sweep')) do redis.call('DEL', key) end`
    await server.ask('EVAL', script, '0', '1000')
  }
  const old = async () => (await allKeys()).filter((key) => key.includes('0123456789abcdef')).length
  expect(await old()).toBe(1000)

  const newcomer = await startGatehouse({ redisUrl: redis.url, databaseUrl: first.databaseUrl })
  cleanUps.push(newcomer.close)
  await eventually(async () => (await old()) === 0)
  expect(await allKeys()).toEqual(expect.arrayContaining(kept))
})
