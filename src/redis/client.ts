import { ErrorReply } from 'redis'
import { withDeadline } from '../lib/deadline.ts'
import type { Logger } from '../lib/logger.ts'
import type { RedisAddress } from '../lib/redis-address.ts'
import { commandDeadlineMs, connect, newClient, type RedisClient } from './server.ts'
import { sweepFormerReigns } from './sweep.ts'
import { openTopology, type RedisConnection, type Topology } from './topology.ts'

class RedisUnavailable extends Error {}

export interface Redis {
  /**
   * Runs commands under a deadline. Rejects with RedisUnavailable when they fail, and at once while there is no
   * connection. Any failure that is not of one key alone gives the connection up.
   */
  run<T>(work: (connection: RedisConnection) => Promise<T>): Promise<T>
  isTrusted(): boolean
  /** Gives the connection up, to open it anew. */
  renew(reason: string): void
  close(): Promise<void>
}

const reconnectDelayMs = 300
const confirmIntervalMs = 1_000

/** One try to have Redis, from its first connection to its first fault. */
interface Attempt {
  readonly clients: RedisClient[]
  topology?: Topology
}

/**
 * Keeps Redis connected: all masters or none, opened anew after every fault. It is trusted only after `beforeTrust` has
 * brought its copies up to date, and asked every second whether it is still what it was. What was kept in another `epoch`
 * is not found. Resolves after the first try, whatever came of it.
 */
export const openRedis = async (
  address: RedisAddress,
  log: Logger,
  beforeTrust: (run: Redis['run']) => Promise<void>,
  epoch: () => string,
  /** Is told how long each call took, and whether it failed. */
  observe: (seconds: number, hasFailed: boolean) => void = () => {},
): Promise<Redis> => {
  let current: Attempt | undefined
  let trusted: Topology | undefined
  let timer: NodeJS.Timeout | undefined
  let lastReason = ''
  let isClosed = false

  const giveUp = (attempt: Attempt, problem: unknown): void => {
    for (const client of attempt.clients.splice(0)) client.destroy()
    if (attempt !== current) return
    current = undefined
    if (isClosed) return
    const reason = reasonOf(problem)
    if (trusted) log.error({ err: problem }, `Redis is lost; PostgreSQL answers in its place: ${reason}`)
    else if (reason !== lastReason) log.warn({ err: problem }, `Redis can not be used: ${reason}`)
    lastReason = reason
    trusted = undefined
    clearTimeout(timer)
    timer = setTimeout(open, reconnectDelayMs)
  }

  const runOn = async <T>(
    attempt: Attempt,
    topology: Topology,
    work: (connection: RedisConnection) => Promise<T>,
  ): Promise<T> => {
    const startedAt = performance.now()
    const observeEnd = (hasFailed: boolean) => observe((performance.now() - startedAt) / 1000, hasFailed)
    try {
      const result = await withDeadline(work(topology), commandDeadlineMs, 'Redis')
      observeEnd(false)
      return result
    } catch (problem) {
      observeEnd(true)
      if (!isOfOneKey(problem)) giveUp(attempt, problem)
      throw new RedisUnavailable('Redis failed', { cause: problem })
    }
  }

  const keepConfirming = (attempt: Attempt, topology: Topology): void => {
    timer = setTimeout(async () => {
      try {
        await withDeadline(topology.confirm(), 2 * commandDeadlineMs, 'Redis')
        if (attempt === current) keepConfirming(attempt, topology)
      } catch (problem) {
        giveUp(attempt, problem)
      }
    }, confirmIntervalMs)
  }

  const sweep = async (attempt: Attempt, topology: Topology): Promise<void> => {
    try {
      await Promise.all(topology.servers.map(sweepFormerReigns))
    } catch (problem) {
      if (attempt === current)
        log.warn({ err: problem }, `Old copies stay in Redis until they expire: ${reasonOf(problem)}`)
    }
  }

  const open = async (): Promise<void> => {
    const attempt: Attempt = { clients: [] }
    current = attempt
    const dial = async (url: string): Promise<RedisClient> => {
      const client = newClient(url)
      attempt.clients.push(client)
      client.on('error', (problem) => giveUp(attempt, problem))
      await connect(client)
      return client
    }
    try {
      const topology = await openTopology(address, dial, epoch)
      await beforeTrust((work) => runOn(attempt, topology, work))
      if (attempt !== current) return giveUp(attempt, undefined)
      trusted = topology
      lastReason = ''
      log.info({ kind: address.kind, masters: topology.servers.length }, 'Redis is connected')
      keepConfirming(attempt, topology)
      void sweep(attempt, topology)
    } catch (problem) {
      giveUp(attempt, problem)
    }
  }

  await open()
  if (!trusted) log.error(`Redis can not be used; PostgreSQL answers in its place: ${lastReason}`)
  return {
    async run(work) {
      if (!trusted || !current) throw new RedisUnavailable('No connection to Redis')
      return runOn(current, trusted, work)
    },
    isTrusted: () => trusted !== undefined,
    renew(reason) {
      if (current) giveUp(current, new Error(reason))
    },
    async close() {
      isClosed = true
      clearTimeout(timer)
      const last = current
      trusted = undefined
      current = undefined
      const clients = last?.clients.splice(0) ?? []
      await Promise.all(
        clients.map((client) => withDeadline(client.close(), commandDeadlineMs, 'Redis').catch(() => client.destroy())),
      )
    },
  }
}

/** Stands in where no Redis is configured: never trusted, so that every session check reads PostgreSQL. */
export const noRedis: Redis = {
  run: async () => {
    throw new RedisUnavailable('No Redis is configured')
  },
  isTrusted: () => false,
  renew: () => {},
  close: async () => {},
}

const ofOneKey = /^(WRONGTYPE|ASK|TRYAGAIN) |^ERR .*user_script/ // a slot on the move answers ASK and TRYAGAIN, and MOVED once it has moved
const ofTheServer = /\b(READONLY|OOM|MISCONF|NOREPLICAS|CLUSTERDOWN|MOVED|LOADING|MASTERDOWN)\b/ // in a script's failure too

/** Whether a failure says nothing of the server as a whole. */
const isOfOneKey = (problem: unknown): boolean =>
  problem instanceof ErrorReply && ofOneKey.test(problem.message) && !ofTheServer.test(problem.message)

/** What an operator reads: a refused connection has no message, only a code. */
const reasonOf = (problem: unknown): string => {
  if (!(problem instanceof Error)) return 'it was closed'
  return problem.message || (problem as { code?: string }).code || problem.name
}
