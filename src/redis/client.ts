import { createClient } from 'redis'
import { withDeadline } from '../lib/deadline.ts'
import type { Logger } from '../lib/logger.ts'

const commandDeadlineMs = 500 // a frozen Redis sends no error, and node-redis would wait for ever
const reconnectDelayMs = 300

/** One trusted connection to one run of a Redis server. */
export interface RedisConnection {
  readonly client: RedisClient
  /** Begins every key. A Redis that restarted from an old dump, or a promoted replica, has another: its copies are not ours. */
  readonly prefix: string
}

export type RedisClient = ReturnType<typeof newClient>

class RedisUnavailable extends Error {}

export interface Redis {
  /** Runs commands under a deadline. Any failure gives the connection up and rejects with RedisUnavailable, at once while there is none. */
  run<T>(work: (connection: RedisConnection) => Promise<T>): Promise<T>
  isTrusted(): boolean
  close(): Promise<void>
}

/**
 * Keeps one connection to Redis, opened anew after every fault. It is trusted only after `beforeTrust` has brought its
 * copies up to date. Resolves after the first try, whatever came of it.
 */
export const openRedis = async (
  url: string,
  log: Logger,
  beforeTrust: (run: Redis['run']) => Promise<void>,
): Promise<Redis> => {
  let current: RedisClient | undefined
  let trusted: RedisConnection | undefined
  let retry: NodeJS.Timeout | undefined
  let isClosed = false

  const giveUp = (client: RedisClient, problem: unknown): void => {
    if (client.isOpen) client.destroy()
    if (client !== current) return
    current = undefined
    if (trusted) log.error({ err: problem }, 'Redis is lost; PostgreSQL answers in its place')
    else log.debug({ err: problem }, 'Redis can not be reached')
    trusted = undefined
    if (!isClosed) retry = setTimeout(connect, reconnectDelayMs)
  }

  const runOn = async <T>(
    connection: RedisConnection,
    work: (connection: RedisConnection) => Promise<T>,
  ): Promise<T> => {
    try {
      return await withDeadline(work(connection), commandDeadlineMs, 'Redis')
    } catch (problem) {
      giveUp(connection.client, problem)
      throw new RedisUnavailable('Redis failed', { cause: problem })
    }
  }

  const connect = async (): Promise<void> => {
    const client = newClient(url)
    current = client
    client.on('error', (problem) => giveUp(client, problem))
    try {
      await withDeadline(client.connect(), commandDeadlineMs, 'Redis')
      const server = await withDeadline(client.info('server'), commandDeadlineMs, 'Redis')
      const run = /run_id:(\w{12})/.exec(server)?.[1]
      if (!run) throw new Error('INFO names no run_id, which tells one run of Redis from another')
      const connection = { client, prefix: `gatehouse:${run}` }
      await beforeTrust((work) => runOn(connection, work))
      if (isClosed || client !== current) return giveUp(client, undefined)
      trusted = connection
      log.info('Redis is connected')
    } catch (problem) {
      giveUp(client, problem)
    }
  }

  await connect()
  if (!trusted) log.error('Redis can not be reached; PostgreSQL answers in its place')
  return {
    async run(work) {
      if (!trusted) throw new RedisUnavailable('No connection to Redis')
      return runOn(trusted, work)
    },
    isTrusted: () => trusted !== undefined,
    async close() {
      isClosed = true
      clearTimeout(retry)
      const last = current
      trusted = undefined
      current = undefined
      if (last?.isOpen) await withDeadline(last.close(), commandDeadlineMs, 'Redis').catch(() => last.destroy())
    },
  }
}

/** Stands in where no Redis is configured: never trusted, so that every session check reads PostgreSQL. */
export const noRedis: Redis = {
  run: async () => {
    throw new RedisUnavailable('No Redis is configured')
  },
  isTrusted: () => false,
  close: async () => {},
}

const newClient = (url: string) =>
  createClient({
    url,
    disableOfflineQueue: true,
    commandOptions: { timeout: 0 }, // the deadline is ours; its own costs an AbortSignal a command
    socket: { connectTimeout: commandDeadlineMs, reconnectStrategy: false },
  })
