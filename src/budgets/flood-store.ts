import type { Clock } from '../lib/clock.ts'
import type { Redis } from '../redis/client.ts'
import type { RedisConnection } from '../redis/topology.ts'
import type { Budget } from './budget.ts'

/** What a claim of one unit came to. */
export interface FloodClaim {
  /** 0 when there was a unit, else the milliseconds until there is. */
  readonly waitMs: number
  /** Whether enough distinct values were counted for it lately. */
  readonly isSuspect: boolean
}

export type FloodStore = ReturnType<typeof createFloodStore>

const mostCounters = 50_000
const mostWatched = 2_000

/**
 * Limits of whole networks, against floods. They count in Redis for all servers, and in the process while Redis is away:
 * what must never be exceeded is a budget in PostgreSQL. `digest` is keyed: what stands in Redis tells nobody who was counted.
 */
export const createFloodStore = (
  redis: Pick<Redis, 'run' | 'isTrusted'>,
  digest: (text: string) => string,
  now: Clock,
) => {
  const keysOf = ({ serverOf }: RedisConnection, subject: string) => {
    const name = digest(`flood ${subject}`)
    const { client, prefix } = serverOf(name)
    return { client, keyOf: (kind: 'flood' | 'tried' | 'suspect') => `${prefix}:${kind}:{${name}}` }
  }

  const counters = createWindows<{ used: number }>(mostCounters, now)
  const watched = createWindows<Set<string>>(mostWatched, now)
  const suspects = createWindows<true>(mostWatched, now)

  const claimLocally = (subject: string, { limit, windowSeconds }: Budget): FloodClaim => {
    const counter = counters.open(subject, windowSeconds, () => ({ used: 0 }))
    const isSuspect = suspects.find(subject) !== undefined
    if (counter.value.used >= limit) return { waitMs: counter.endsAt - now().getTime(), isSuspect }
    counter.value.used++
    return { waitMs: 0, isSuspect }
  }

  const countLocally = (subject: string, value: string, { limit, windowSeconds }: Budget): boolean => {
    if (suspects.find(subject)) return false
    const values = watched.open(subject, windowSeconds, () => new Set()).value
    values.add(value)
    if (values.size < limit) return false
    suspects.open(subject, windowSeconds, () => true)
    return true
  }

  return {
    /** Claims one unit. */
    async claim(subject: string, budget: Budget): Promise<FloodClaim> {
      if (!redis.isTrusted()) return claimLocally(subject, budget)
      const { limit, windowSeconds } = budget
      return redis
        .run((connection): Promise<FloodClaim> => {
          const { client, keyOf } = keysOf(connection, subject)
          const values = [String(limit), String(windowSeconds * 1000)]
          return client.claimUnit([keyOf('flood'), keyOf('suspect')], values)
        })
        .catch(() => claimLocally(subject, budget))
    },

    /** Gives a unit back: what was claimed turned out to be right. */
    async release(subject: string): Promise<void> {
      const known = counters.find(subject)
      if (known && known.value.used > 0) known.value.used--
      if (!redis.isTrusted()) return
      await redis.run((connection) => {
        const { client, keyOf } = keysOf(connection, subject)
        return client.releaseUnit([keyOf('flood')], [])
      })
    },

    /**
     * Counts distinct values. Of any number of calls, the one that makes it `limit` within the window is told so, and makes
     * it a suspect for as long: until that is over nothing more is counted.
     */
    async countDistinct(subject: string, value: string, budget: Budget): Promise<boolean> {
      if (!redis.isTrusted()) return countLocally(subject, value, budget)
      const { limit, windowSeconds } = budget
      return redis
        .run((connection) => {
          const { client, keyOf } = keysOf(connection, subject)
          const values = [value, String(limit), String(windowSeconds * 1000)]
          return client.countDistinct([keyOf('tried'), keyOf('suspect')], values)
        })
        .catch(() => countLocally(subject, value, budget))
    },

    /** Takes the mark of a suspect away, so that the next value that is counted makes it anew. */
    async clearSuspect(subject: string): Promise<void> {
      suspects.drop(subject)
      if (!redis.isTrusted()) return
      await redis.run((connection) => {
        const { client, keyOf } = keysOf(connection, subject)
        return client.del(keyOf('suspect'))
      })
    },
  }
}

/** Values that are forgotten at the end of their window, or before that when there are too many: those first that began first. */
const createWindows = <Value>(most: number, now: Clock) => {
  const entries = new Map<string, { readonly value: Value; readonly endsAt: number }>()
  const find = (key: string) => {
    const known = entries.get(key)
    return known && known.endsAt > now().getTime() ? known : undefined
  }
  return {
    find,
    open(key: string, windowSeconds: number, begin: () => Value) {
      const known = find(key)
      if (known) return known
      entries.delete(key) // a known key would keep its old place
      const [oldest] = entries.keys()
      if (entries.size >= most && oldest) entries.delete(oldest)
      const entry = { value: begin(), endsAt: now().getTime() + windowSeconds * 1000 }
      entries.set(key, entry)
      return entry
    },
    drop: (key: string) => entries.delete(key),
  }
}
