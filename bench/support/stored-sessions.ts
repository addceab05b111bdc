import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'redis'
import type { Account } from '../../src/accounts/account.ts'
import { startLocalRedis } from '../../src/cli/local-redis.ts'
import { secondsAfter } from '../../src/lib/clock.ts'
import { newId } from '../../src/lib/ids.ts'
import { createKeyRing } from '../../src/lib/key-ring.ts'
import { createLogger } from '../../src/lib/logger.ts'
import { openRedis } from '../../src/redis/client.ts'
import type { Session } from '../../src/sessions/session.ts'
import { createSessionCacheStore } from '../../src/sessions/session-cache-store.ts'
import { newSessionTag, newSessionToken } from '../../src/sessions/session-token.ts'
import type { Environment } from './report.ts'
import { masterKey } from './server.ts'

/** What browsers send, of the usual lengths. */
export const userAgents: readonly string[] = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
]

export interface RedisMemory {
  readonly usedBytes: number
  readonly residentBytes: number
  readonly keys: number
}

/** Sessions in a Redis of their own, which keeps nothing on disk. */
export interface StoredSessions {
  readonly url: string
  readonly sessions: number
  /** Tokens of sessions that were chosen evenly among all. */
  readonly tokens: readonly string[]
  /** What Redis used before they were written, and after. */
  readonly before: RedisMemory
  readonly after: RedisMemory
  /** CPU time that this Redis used so far. */
  cpuMs(): Promise<number>
  stop(): Promise<void>
}

const atOnce = 500
const mostTokens = 50_000 // more than are asked for
const keys = createKeyRing([masterKey])

/** Writes so many sessions to a Redis of their own, as the server writes those that it opens. */
export const storeSessions = async (
  { say }: Pick<Environment, 'say'>,
  sessions: number,
  sessionsPerUser: number,
): Promise<StoredSessions> => {
  const directory = await mkdtemp(join(tmpdir(), 'gatehouse-bench-sessions-'))
  const redis = await startLocalRedis({ directory, durable: false, say })
  if (!redis) throw new Error('The benchmarks need redis-server or valkey-server on the PATH.')
  const stop = async () => {
    await redis.stop()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const before = await memoryOf(redis.url)
    const tokens = await write(redis.url, sessions, sessionsPerUser)
    const after = await memoryOf(redis.url)
    return { url: redis.url, sessions, tokens, before, after, cpuMs: () => cpuMsOf(redis.url), stop }
  } catch (problem) {
    await stop()
    throw problem
  }
}

const write = async (url: string, sessions: number, sessionsPerUser: number): Promise<string[]> => {
  const { cache, close } = await openCache(url)
  const everyNth = Math.ceil(sessions / mostTokens)
  const tokens: string[] = []
  let account = newAccount(0)
  for (let number = 0; number < sessions; ) {
    const writes: Promise<void>[] = []
    for (const end = Math.min(number + atOnce, sessions); number < end; number++) {
      if (number % sessionsPerUser === 0) account = newAccount(number)
      const token = newSessionToken(account.sessionTag, keys)
      if (number % everyNth === 0) tokens.push(token.text)
      writes.push(cache.keepNew(token, { session: newSession(account, number), account }))
    }
    await Promise.all(writes)
  }
  await close()
  return tokens
}

const openCache = async (url: string) => {
  const redis = await openRedis(
    { kind: 'single', url },
    createLogger('warn'),
    async () => {},
    () => '',
  )
  return { cache: createSessionCacheStore(redis), close: redis.close }
}

const newAccount = (number: number): Account => {
  const createdAt = secondsAfter(new Date(), -90 * 24 * 3_600)
  return {
    id: newId(),
    email: `maria.schneider${String(number).padStart(7, '0')}@example.com`,
    displayName: 'Maria Schneider',
    role: 'USER',
    status: 'ACTIVE',
    sessionTag: newSessionTag(),
    version: 12,
    mfaEnabled: true,
    emailConfirmedAt: createdAt,
    createdAt,
    lastLoginAt: new Date(),
  }
}

/** Signed in with a second factor. Last seen in an hour from now, so that no check is due to write that down. */
const newSession = ({ id: userId }: Account, number: number): Session => {
  const createdAt = new Date()
  const lastSeenAt = secondsAfter(createdAt, 3_600)
  return {
    id: newId(),
    userId,
    createdAt,
    lastSeenAt,
    idleExpiresAt: secondsAfter(lastSeenAt, 3_600),
    expiresAt: secondsAfter(createdAt, 24 * 3_600),
    authenticationMethods: ['PASSWORD', 'TOTP'],
    elevatedUntil: secondsAfter(createdAt, 300),
    trustedDevice: false,
    transport: 'BEARER',
    userAgent: userAgents[number % userAgents.length] as string,
    ipAddress: `203.0.${(number >> 8) & 255}.${number & 255}`,
    endedAt: null,
    endReason: null,
  }
}

const memoryOf = async (url: string): Promise<RedisMemory> => {
  const memory = await infoOf(url, 'memory')
  return {
    usedBytes: memory('used_memory'),
    residentBytes: memory('used_memory_rss'),
    keys: (await infoOf(url, 'keyspace'))('db0'),
  }
}

const cpuMsOf = async (url: string): Promise<number> => {
  const cpu = await infoOf(url, 'cpu')
  return (cpu('used_cpu_user') + cpu('used_cpu_sys')) * 1000
}

/** Reads the numbers of a section of INFO by their names; of the keyspace, how many keys there are. */
const infoOf = async (url: string, section: string) => {
  const redis = await createClient({ url }).connect()
  const text = await redis.info(section)
  await redis.close()
  return (name: string): number => Number(new RegExp(`^${name}:(?:keys=)?([\\d.]+)`, 'm').exec(text)?.[1] ?? 0)
}
