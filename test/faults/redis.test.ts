import { afterEach, describe, expect, test } from 'vitest'
import { countRedisCommands, countStatements } from '../support/call-counts.ts'
import {
  ListSessionsDocument,
  LoginDocument,
  LogoutDocument,
  MeDocument,
  RevokeSessionDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, testPassword } from '../support/gatehouse.ts'
import { percentile, slowest, startLoad } from '../support/load.ts'
import { atOnce, tally } from '../support/race.ts'
import { recoveryOf, statusOf } from '../support/readiness.ts'
import { type RedisServerProcess, startRedisServer } from '../support/redis-server.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const startRedis = async (settings: readonly string[] = []): Promise<RedisServerProcess> => {
  const redis = await startRedisServer({ settings })
  cleanUps.push(redis.stop)
  return redis
}

const startOn = async (redisUrl: string | null, databaseUrl?: string): Promise<Gatehouse> => {
  const gatehouse = await startGatehouse({ redisUrl, ...(databaseUrl && { databaseUrl }) })
  cleanUps.push(gatehouse.close)
  return gatehouse
}

/** Two servers that reach one Redis through one proxy. */
const startTwo = async () => {
  const redis = await startRedis()
  const proxy = await startTcpProxy(redis.url)
  cleanUps.push(proxy.close)
  const gatehouse = await startOn(proxy.url)
  const other = await startOn(proxy.url, gatehouse.databaseUrl)
  cleanUps.push(proxy.restore)
  return { redis, proxy, gatehouse, other, servers: [gatehouse, other] as const }
}

type Two = Awaited<ReturnType<typeof startTwo>>

/** Sessions of one user, of which every server keeps a copy in Redis. */
const warmSessions = async (servers: readonly [Gatehouse, ...Gatehouse[]], count: number) => {
  const user = await servers[0].createUser()
  const sessions = []
  for (let made = 0; made < count; made++) {
    const { login } = await servers[0].anonymous.ask(LoginDocument, {
      input: { email: user.email, password: testPassword },
    })
    if (login.__typename !== 'SignedIn' || !login.sessionToken) throw new Error(login.__typename)
    const token = login.sessionToken
    for (const server of servers) await server.clientWith(token).ask(MeDocument, {})
    sessions.push({ ...servers[0].clientWith(token), token, sessionId: login.session.id })
  }
  return { user, sessions: sessions as [Warm, ...Warm[]] }
}

type Warm = ReturnType<Gatehouse['clientWith']> & { readonly token: string; readonly sessionId: string }

const expectEnded = async (servers: readonly Gatehouse[], { token }: { token: string }) => {
  for (const server of servers) {
    const { extensions } = await server.clientWith(token).refused(MeDocument, {})
    expect(extensions).toMatchObject({ code: 'SESSION_ENDED' })
  }
}

const expectLive = async (servers: readonly Gatehouse[], { token }: { token: string }) => {
  for (const server of servers) await server.clientWith(token).ask(MeDocument, {})
}

interface Fault {
  readonly fault: string
  /** Whether servers must notice that Redis is of no use. */
  readonly isLoss?: boolean
  begin(them: Two): unknown
  end(them: Two): unknown
}

const limitMemory = async ({ redis }: Two, policy: string, bytes: number) => {
  await redis.ask('CONFIG', 'SET', 'maxmemory-policy', policy)
  await redis.ask('CONFIG', 'SET', 'maxmemory', String(bytes))
}

describe.each<Fault>([
  {
    fault: 'I1: Redis refuses connections',
    isLoss: true,
    begin: ({ redis }) => redis.kill(),
    end: ({ redis }) => redis.restart(),
  },
  {
    fault: 'I2: Redis is frozen',
    isLoss: true,
    begin: ({ redis }) => redis.freeze(),
    end: ({ redis }) => redis.thaw(),
  },
  { fault: 'I3: Redis restarts empty', begin: ({ redis }) => redis.restart(), end: () => {} },
  { fault: 'I3: Redis is flushed', begin: ({ redis }) => redis.ask('FLUSHALL'), end: () => {} },
  {
    fault: 'Redis takes a second for each answer',
    isLoss: true,
    begin: ({ proxy }) => proxy.delay(1_000),
    end: ({ proxy }) => proxy.restore(),
  },
  {
    fault: 'Redis takes just longer than it may',
    isLoss: true,
    begin: ({ proxy }) => proxy.delay(300),
    end: ({ proxy }) => proxy.restore(),
  },
  { fault: 'the path to Redis drops everything', begin: ({ proxy }) => proxy.strand(), end: () => {} },
  {
    fault: 'Redis is full',
    isLoss: true,
    begin: (them) => limitMemory(them, 'noeviction', 1),
    end: (them) => limitMemory(them, 'noeviction', 0),
  },
  {
    fault: 'Redis evicts whatever it likes',
    async begin(them) {
      await limitMemory(them, 'allkeys-random', Number(await them.redis.info('used_memory')) + 1_000_000)
      for (let key = 0; key < 300; key++) await them.redis.ask('SET', `filling:${key}`, 'x'.repeat(10_000))
      expect(Number(await them.redis.info('evicted_keys'))).toBeGreaterThan(50)
    },
    end: (them) => limitMemory(them, 'noeviction', 0),
  },
  {
    fault: 'Redis turns into a read-only replica',
    isLoss: true,
    async begin({ redis }) {
      const master = await startRedis()
      await redis.ask('REPLICAOF', '127.0.0.1', String(master.port))
      await eventually(async () => (await redis.info('master_link_status')) === 'up')
    },
    end: ({ redis }) => redis.ask('REPLICAOF', 'NO', 'ONE'),
  },
])('when $fault', ({ fault, isLoss = false, begin, end }) => {
  test('live sessions go on, an end made meanwhile holds during and after, and Redis answers again without a restart', async () => {
    const them = await startTwo()
    const { gatehouse, other, servers, redis } = them
    const { user, sessions } = await warmSessions(servers, 3)
    const [kept, early, lost] = sessions as [Warm, Warm, Warm]
    await kept.ask(RevokeSessionDocument, { id: early.sessionId })

    const connects = () => servers.map(({ logs }) => logs.filter((line) => line.includes('Redis is connected')).length)
    await begin(them)
    const loads = servers.map((server) => startLoad(4, () => server.clientWith(kept.token).send(MeDocument, {}), 40))
    const start = performance.now()
    await kept.ask(RevokeSessionDocument, { id: lost.sessionId })
    expect(performance.now() - start).toBeLessThan(3_000)
    await expectEnded(servers, lost)
    await expectEnded(servers, early)
    const { login } = await other.anonymous.ask(LoginDocument, { input: { email: user.email, password: testPassword } })
    const later = { token: (login as { sessionToken: string }).sessionToken }
    await expectLive(servers, later)
    await eventually(() => loads.every(({ samples }) => samples.length > 60))
    if (isLoss) {
      await eventually(async () => (await Promise.all(servers.map(statusOf))).join() === 'degraded,degraded')
      expect(connects()).toEqual([1, 1]) // nor is it taken back while the fault lasts
    }

    await end(them)
    const recoveryMs = await recoveryOf(servers)
    for (const ended of [lost, early]) await expectEnded(servers, ended)
    for (const live of [kept, later]) await expectLive(servers, live)
    const samples = (await Promise.all(loads.map((load) => load.stop()))).flat()
    console.info(
      `${fault}: slowest of ${samples.length} answers ${slowest(samples).toFixed()} ms, p95 ` +
        `${percentile(samples, 0.95).toFixed()} ms, ready ${recoveryMs.toFixed()} ms after the end`,
    )
    expect(new Set(samples.map(({ outcome }) => outcome))).toEqual(new Set(['OK']))
    expect(slowest(samples)).toBeLessThan(3_000)
    expect(recoveryMs).toBeLessThan(5_000)
    await eventually(async () => {
      const commands = await countRedisCommands([redis], () => gatehouse.clientWith(kept.token).ask(MeDocument, {}))
      return Object.keys(commands).join() === 'mget'
    })
  })
})

test('I2: with Redis frozen under load every answer comes within 3 s, and after the first second 95 of 100 in less than 100 ms', async () => {
  const { redis, servers, gatehouse } = await startTwo()
  const { sessions } = await warmSessions(servers, 5)
  let turn = 0
  const load = startLoad(
    32,
    () => {
      const { token } = sessions[turn++ % 5] as Warm
      return gatehouse.clientWith(token).send(MeDocument, {})
    },
    30,
  )
  const began = performance.now()
  await eventually(() => performance.now() - began > 2_000)
  redis.freeze()
  const frozen = performance.now()
  await eventually(() => performance.now() - frozen > 5_000)
  const samples = await load.stop()
  redis.thaw()
  const meanwhile = samples.filter(({ sentAt }) => sentAt >= frozen)
  const usual = percentile(
    samples.filter(({ sentAt }) => sentAt < frozen),
    0.95,
  )
  const p95 = percentile(
    meanwhile.filter(({ sentAt }) => sentAt > frozen + 1_000),
    0.95,
  )
  console.info(
    `frozen: slowest of ${meanwhile.length} answers ${slowest(meanwhile).toFixed()} ms; ` +
      `p95 ${usual.toFixed()} ms before, ${p95.toFixed()} ms after 1 s`,
  )
  expect(new Set(samples.map(({ outcome }) => outcome))).toEqual(new Set(['OK']))
  expect(slowest(meanwhile)).toBeLessThan(3_000)
  expect(p95).toBeLessThan(Math.max(100, 3 * usual)) // the second where the machine is busy with something else
  expect(await recoveryOf(servers)).toBeLessThan(5_000)
})

describe.each<Fault>([
  { fault: 'frozen just now', begin: ({ redis }) => redis.freeze(), end: ({ redis }) => redis.thaw() },
  {
    fault: 'known to be away',
    async begin({ redis, gatehouse }) {
      await redis.kill()
      await eventually(async () => (await statusOf(gatehouse)) === 'degraded')
    },
    end: () => {},
  },
  { fault: 'empty', begin: ({ redis }) => redis.ask('FLUSHALL'), end: () => {} },
])('with Redis $fault', ({ fault, begin, end }) => {
  test('hundreds of requests of a few sessions at once cost PostgreSQL a few statements', async () => {
    const them = await startTwo()
    const database = await startTcpProxy(them.gatehouse.databaseUrl)
    cleanUps.push(database.close)
    const gatehouse = await startOn(them.proxy.url, database.url)
    const { sessions } = await warmSessions([gatehouse], 5)
    await begin({ ...them, gatehouse })
    database.delay(40) // a PostgreSQL that is some way off: none of them waits for two of its answers without need
    let answers: Awaited<ReturnType<Gatehouse['anonymous']['send']>>[] = []
    const statements = await countStatements(them.gatehouse, 'user_sessions', async () => {
      answers = await atOnce(300, sessions, ({ token }) => gatehouse.clientWith(token).send(MeDocument, {}))
    })
    await end(them)
    console.info(`${fault}: ${statements} statements for 300 requests of 5 sessions`)
    expect(tally(answers)).toEqual({ OK: 300 })
    expect(statements).toBeLessThan(50)
  })
})

describe('a key of ours that holds something else', () => {
  const poisons: readonly { what: string; of: 's' | 'u' | 'both'; command: (key: string) => string[] }[] = [
    { what: 'a list in place of a session', of: 's', command: (key) => ['LPUSH', key, 'x'] },
    { what: 'a hash in place of a user', of: 'u', command: (key) => ['HSET', key, 'x', 'y'] },
    { what: 'sets in place of both', of: 'both', command: (key) => ['SADD', key, 'x'] },
    { what: 'text that is no copy', of: 'both', command: (key) => ['SET', key, 'nonsense'] },
    { what: 'half a copy', of: 'both', command: (key) => ['SET', key, '7{"id":"'] },
    { what: 'an empty object', of: 's', command: (key) => ['SET', key, '{}'] },
    { what: 'no text at all', of: 'both', command: (key) => ['SET', key, ''] },
    { what: 'a user of a version to come, in half', of: 'u', command: (key) => ['SET', key, '999999{"id":"}'] },
  ]
  test.each(poisons)('$what is read from PostgreSQL, replaced, and can be ended', async ({ of, command }) => {
    const { redis, servers, gatehouse, other } = await startTwo()
    const { user, sessions } = await warmSessions(servers, 1)
    const [session] = sessions
    const keys = await redis.ask<string[]>('KEYS', `*{${user.sessionTag}}:${of === 'both' ? '*' : `${of}*`}`)
    expect(keys).toHaveLength(of === 'both' ? 2 : 1)
    const poison = async () => {
      for (const key of keys) {
        await redis.ask('DEL', key)
        await redis.ask(...command(key))
      }
    }
    await poison()
    await session.ask(MeDocument, {})
    await eventually(async () => {
      const commands = await countRedisCommands([redis], () => other.clientWith(session.token).ask(MeDocument, {}))
      return Object.keys(commands).join() === 'mget'
    })
    const statements = await countStatements(gatehouse, 'user_sessions', () => session.ask(MeDocument, {}))
    expect(statements).toBe(0)
    expect(await Promise.all(servers.map(statusOf))).toEqual(['ready', 'ready'])

    await poison()
    await session.ask(LogoutDocument, {})
    await expectEnded(servers, session)
    for (const { logs } of servers) expect(logs.join('')).not.toContain('Redis is lost')
  })

  test('a counter of a network that is no number, or never ends, counts anew', async () => {
    const { redis, gatehouse } = await startTwo()
    const fail = () =>
      gatehouse.anonymous.send(LoginDocument, { input: { email: 'nobody@example.com', password: 'a wrong one' } })
    await fail()
    const [key, ...others] = await redis.ask<string[]>('KEYS', '*:flood:{*')
    expect(others).toEqual([])
    for (const command of [
      ['LPUSH', 'x'],
      ['SET', 'nonsense'],
      ['SET', '999999999'],
    ]) {
      const [name = '', ...values] = command
      await redis.ask('DEL', key as string)
      await redis.ask(name, key as string, ...values)
      expect((await fail()).errors?.[0]?.extensions.code).toBe('INVALID_CREDENTIALS')
      expect(await redis.ask('GET', key as string)).toBe('1')
      expect(await redis.ask<number>('PTTL', key as string)).toBeGreaterThan(0)
    }
  })
})

describe('another server in the place of the master', () => {
  const startReplica = async (redis: RedisServerProcess) => {
    const path = await startTcpProxy(redis.url)
    cleanUps.push(path.close)
    const replica = await startRedis([`replicaof 127.0.0.1 ${new URL(path.url).port}`])
    await eventually(async () => (await replica.info('master_link_status')) === 'up')
    return { replica, path }
  }

  test('a promoted replica that missed ends makes none of them undone', async () => {
    const { redis, proxy, servers } = await startTwo()
    const { sessions } = await warmSessions(servers, 3)
    const [kept, before, after] = sessions as [Warm, Warm, Warm]
    const { replica, path } = await startReplica(redis)
    await recoveryOf(servers)
    path.cut()
    await kept.ask(RevokeSessionDocument, { id: before.sessionId })
    await replica.ask('REPLICAOF', 'NO', 'ONE')
    await redis.kill()
    await kept.ask(RevokeSessionDocument, { id: after.sessionId })
    proxy.redirect(replica.url)
    expect(await recoveryOf(servers)).toBeLessThan(5_000)
    for (const ended of [before, after]) await expectEnded(servers, ended)
    await expectLive(servers, kept)
  })

  test('a master that takes over again brings back no session that ended while another reigned', async () => {
    const { redis, proxy, servers, gatehouse } = await startTwo()
    const { replica } = await startReplica(redis)
    await eventually(async () => (await recoveryOf(servers)) < 1_000)
    const { sessions } = await warmSessions(servers, 2)
    const [kept, lost] = sessions as [Warm, Warm]
    await eventually(async () => (await replica.info('slave_repl_offset')) === (await redis.info('master_repl_offset')))

    await replica.ask('REPLICAOF', 'NO', 'ONE')
    await redis.ask('REPLICAOF', '127.0.0.1', String(replica.port))
    proxy.redirect(replica.url)
    await recoveryOf(servers)
    await kept.ask(RevokeSessionDocument, { id: lost.sessionId })
    await eventually(async () => (await redis.info('master_link_status')) === 'up')
    await gatehouse.sql`delete from ended_tokens` // as if this were long ago

    await redis.ask('REPLICAOF', 'NO', 'ONE')
    await replica.kill()
    proxy.redirect(redis.url)
    expect(await recoveryOf(servers)).toBeLessThan(5_000)
    const newcomer = await startOn(proxy.url, gatehouse.databaseUrl)
    await expectEnded([...servers, newcomer], lost)
    await expectLive([...servers, newcomer], kept)
  })
})

test('a server notices that keys begin otherwise from now on, though nothing broke', async () => {
  const { redis, gatehouse } = await startTwo()
  const { user, sessions } = await warmSessions([gatehouse], 1)
  const prefixes = async () =>
    new Set((await redis.ask<string[]>('KEYS', `*{${user.sessionTag}}*`)).map((key) => key.split(':{')[0]))
  const before = await prefixes()
  expect(before.size).toBe(1)
  await startRedis([`replicaof 127.0.0.1 ${redis.port}`]) // the first replica begins another reign
  await eventually(async () => {
    await sessions[0].ask(MeDocument, {})
    return [...(await prefixes())].some((prefix) => !before.has(prefix))
  })
})

test('a copy that lost its mark is told again before a connection is trusted', async () => {
  const { redis, proxy, servers, gatehouse } = await startTwo()
  const { user, sessions } = await warmSessions(servers, 2)
  const [kept, lost] = sessions as [Warm, Warm]
  const keys = await redis.ask<string[]>('KEYS', `*{${user.sessionTag}}:s:*`)
  const copies = await Promise.all(keys.map((key) => redis.ask<string>('GET', key)))
  await kept.ask(RevokeSessionDocument, { id: lost.sessionId })
  for (const [index, key] of keys.entries()) await redis.ask('SET', key, copies[index] as string)
  const newcomer = await startOn(proxy.url, gatehouse.databaseUrl)
  await expectEnded([newcomer], lost)
  const marks = await Promise.all(keys.map((key) => redis.ask<string>('GET', key)))
  expect(marks.filter((mark) => mark.startsWith('!'))).toEqual(['!REVOKED_BY_USER'])
})

test.each([
  { what: 'full', settings: ['maxmemory 1'], reason: 'OOM' },
  { what: 'a replica', settings: ['replicaof 127.0.0.1 1', 'replica-serve-stale-data yes'], reason: 'It is a replica' },
])('a Redis that is $what when a server starts is not trusted, and the log says why', async ({ settings, reason }) => {
  const redis = await startRedis(settings)
  const gatehouse = await startOn(redis.url)
  const { sessions } = await warmSessions([gatehouse], 1)
  await expectLive([gatehouse], sessions[0])
  expect(await statusOf(gatehouse)).toBe('degraded')
  const warnings = gatehouse.logs.filter((line) => line.includes('Redis can not be used'))
  expect(warnings.join('')).toContain(reason)
  expect(warnings.length).toBeLessThan(5) // once a reason, not once a try
})

test('a node of a cluster that is configured as one server is not used, and the log says what to list', async () => {
  const redis = await startRedis(['cluster-enabled yes', 'cluster-port 0'])
  await redis.ask('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  const gatehouse = await startOn(redis.url)
  const { sessions } = await warmSessions([gatehouse], 1)
  await expectLive([gatehouse], sessions[0])
  expect(await statusOf(gatehouse)).toBe('degraded')
  expect(gatehouse.logs.join('')).toContain('REDIS_URL must list several of its nodes')
})

test('a server without Redis signs in, checks and ends sessions', async () => {
  const gatehouse = await startOn(null)
  const { sessions } = await warmSessions([gatehouse], 2)
  const [kept, lost] = sessions as [Warm, Warm]
  const start = performance.now()
  await kept.ask(RevokeSessionDocument, { id: lost.sessionId })
  expect(performance.now() - start).toBeLessThan(500) // nobody is waited for
  await expectEnded([gatehouse], lost)
  expect((await kept.ask(ListSessionsDocument, {})).listSessions).toHaveLength(1)
  expect(await statusOf(gatehouse)).toBe('degraded')
})
