import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { parseRedisAddress } from '../../src/lib/redis-address.ts'
import { keySlot } from '../../src/redis/key-slot.ts'
import { countRedisCommands, countStatements } from '../support/call-counts.ts'
import {
  ChangeEmailDocument,
  ListSessionsDocument,
  LoginDocument,
  LogoutDocument,
  MeDocument,
  RevokeSessionDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, testPassword } from '../support/gatehouse.ts'
import { slowest, startLoad } from '../support/load.ts'
import { tally } from '../support/race.ts'
import { confirmEmail, freshlyProved, newestTokenTo } from '../support/recovery.ts'
import { type RedisServerProcess, redisPassword } from '../support/redis-server.ts'
import {
  type Failure,
  type RedisTopology,
  startRedisCluster,
  startRedisSentinels,
  startSingleRedis,
} from '../support/redis-topologies.ts'

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const networkLimit = 30

const statusOf = async ({ url }: Gatehouse): Promise<string> =>
  ((await (await fetch(`${url}/readyz`)).json()) as { status: string }).status

const timesLogged = ({ logs }: Gatehouse, message: string): number =>
  logs.filter((line) => line.includes(message)).length

describe.each([
  { kind: 'one server', startRedis: startSingleRedis, sentinelPassword: '' },
  { kind: 'a cluster', startRedis: startRedisCluster, sentinelPassword: '' },
  { kind: 'a sentinel set', startRedis: startRedisSentinels, sentinelPassword: redisPassword },
])('on $kind', ({ startRedis, sentinelPassword }) => {
  let redis: RedisTopology
  let gatehouse: Gatehouse
  let other: Gatehouse
  beforeAll(async () => {
    redis = await startRedis()
    const config = { redis: parseRedisAddress(redis.url, sentinelPassword), networkLimit }
    gatehouse = await startGatehouse({ config })
    other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl, config })
  })
  afterAll(async () => {
    await other?.close()
    await gatehouse?.close()
    await redis?.stop()
  })

  const signIn = async (user: { email: string }) => {
    const { login } = await gatehouse.anonymous.ask(LoginDocument, {
      input: { email: user.email, password: testPassword },
    })
    if (login.__typename !== 'SignedIn' || !login.sessionToken) throw new Error(login.__typename)
    return login.sessionToken
  }

  const refusalOn = async (server: Gatehouse, token: string) =>
    (await server.clientWith(token).refused(MeDocument, {})).extensions

  test('a session check is one command, and no SQL', async () => {
    const sessionToken = await signIn(await gatehouse.createUser())
    const ask = async () => {
      for (let count = 0; count < 10; count++) {
        for (const server of [gatehouse, other]) await server.clientWith(sessionToken).ask(MeDocument, {})
      }
    }
    await ask()
    let commands = {}
    const statements = await countStatements(gatehouse, 'user_sessions', async () => {
      commands = await countRedisCommands(redis.servers, ask)
    })
    expect({ commands, statements }).toEqual({ commands: { mget: 20 }, statements: 0 })
  })

  test('many users at once, on every server of it, are each who they are', async () => {
    const sessions = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const user = await gatehouse.createUser()
        return { user, ...(await gatehouse.signedInAs(user)) }
      }),
    )
    for (const server of [gatehouse, other, gatehouse]) {
      const answers = await Promise.all(sessions.map(({ token }) => server.clientWith(token).ask(MeDocument, {})))
      expect(answers.map(({ me }) => me.id)).toEqual(sessions.map(({ user }) => user.id))
    }
  })

  test('use of a session is noted, in the record and in the copy', async () => {
    const sessionToken = await signIn(await gatehouse.createUser())
    for (const server of [gatehouse, other]) server.advanceClock(90)
    const asked = gatehouse.now()
    await gatehouse.clientWith(sessionToken).ask(MeDocument, {})
    await eventually(async () => {
      const { listSessions } = await gatehouse.clientWith(sessionToken).ask(ListSessionsDocument, {})
      return listSessions.some(({ lastSeenAt }) => new Date(lastSeenAt) >= asked)
    })
    const commands = await countRedisCommands(redis.servers, async () => {
      await other.clientWith(sessionToken).ask(MeDocument, {})
    })
    expect(commands).toEqual({ mget: 1 }) // nothing is due: the copy was renewed
  })

  test('a session that one server ends is refused by both, from the copy alone', async () => {
    const sessionToken = await signIn(await gatehouse.createUser())
    await other.clientWith(sessionToken).ask(MeDocument, {})
    await gatehouse.clientWith(sessionToken).ask(LogoutDocument, {})
    for (const server of [other, gatehouse]) {
      expect(await refusalOn(server, sessionToken)).toEqual({ code: 'SESSION_ENDED', reason: 'SIGNED_OUT' })
    }
  })

  test("what changes a user changes the user's copy on every server", async () => {
    const user = await gatehouse.createUser()
    const session = await freshlyProved(gatehouse, user)
    for (const server of [gatehouse, other]) await server.clientWith(session.token).ask(MeDocument, {})
    const newEmail = `new-${user.email}`
    await session.ask(ChangeEmailDocument, { newEmail })
    await confirmEmail(other.anonymous, await newestTokenTo(gatehouse, newEmail))
    for (const server of [gatehouse, other]) {
      expect((await server.clientWith(session.token).ask(MeDocument, {})).me.email).toBe(newEmail)
    }
  })

  test('the tries of one network are counted over both servers', async () => {
    const answers = []
    for (let count = 0; count < networkLimit + 10; count++) {
      const server = count % 2 ? gatehouse : other
      const input = { email: `${randomUUID()}@example.com`, password: 'a wrong one' }
      answers.push(await server.anonymous.send(LoginDocument, { input }))
    }
    const { INVALID_CREDENTIALS: looked = 0, RATE_LIMITED: refused = 0 } = tally(answers)
    expect(looked + refused).toBe(networkLimit + 10)
    expect(refused).toBeGreaterThan(0) // neither alone saw as many as that; a Redis lost for an instant may forget some
  })

  test.each<{ attack: string; how: Failure }>([
    { attack: 'I2', how: 'frozen' },
    { attack: 'I1', how: 'killed' },
  ])(
    '$attack: with a master $how in the middle of traffic every answer is right and within 3 s, and all returns without a restart',
    async ({ how }) => {
      const user = await gatehouse.createUser()
      const { token: kept, ...keeper } = await gatehouse.signedInAs(user)
      const early = await gatehouse.signedInAs(user)
      const late = await gatehouse.signedInAs(user)
      for (const { token } of [{ token: kept }, early, late]) await other.clientWith(token).ask(MeDocument, {})
      await keeper.ask(RevokeSessionDocument, { id: early.sessionId })

      const servers = [gatehouse, other]
      let turn = 0
      const send = (token: string) => () => (servers[turn++ % 2] as Gatehouse).clientWith(token).send(MeDocument, {})
      const live = startLoad(8, send(kept), 10)
      const ended = startLoad(4, send(early.token), 10)
      const began = performance.now()
      const failingOver = redis.failOver(user.sessionTag, how)
      await keeper.ask(RevokeSessionDocument, { id: late.sessionId })
      const endedLate = startLoad(4, send(late.token), 10)
      const { restore } = await failingOver
      const failedOver = performance.now()
      await eventually(async () => (await Promise.all(servers.map(statusOf))).every((status) => status === 'ready'))
      const recoveryMs = performance.now() - failedOver
      restore()
      const before = live.samples.length
      await eventually(() => live.samples.length > before + 200)

      const samples = { live: await live.stop(), ended: await ended.stop(), endedLate: await endedLate.stop() }
      const slowestMs = Math.max(...Object.values(samples).map(slowest))
      console.info(
        `${how}: failover ${(failedOver - began).toFixed()} ms, ready ${recoveryMs.toFixed()} ms later; ` +
          `slowest of ${live.samples.length} answers ${slowestMs.toFixed()} ms`,
      )
      expect(new Set(samples.live.map(({ outcome }) => outcome))).toEqual(new Set(['OK']))
      expect(new Set(samples.ended.map(({ outcome }) => outcome))).toEqual(new Set(['SESSION_ENDED']))
      expect(new Set(samples.endedLate.map(({ outcome }) => outcome))).toEqual(new Set(['SESSION_ENDED']))
      expect(slowestMs).toBeLessThan(3_000)
      expect(recoveryMs).toBeLessThan(5_000)
      for (const server of servers) {
        await eventually(async () => {
          const running = redis.servers.filter((it) => it.isRunning())
          const commands = await countRedisCommands(running, () => server.clientWith(kept).ask(MeDocument, {}))
          return Object.keys(commands).join() === 'mget' // Redis alone answers again
        })
      }
    },
  )
})

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
