import type { Clock } from '../lib/clock.ts'
import type { Redis } from '../redis/client.ts'
import type { RedisConnection } from '../redis/topology.ts'
import type { Budget } from './budget.ts'

export type FloodStore = ReturnType<typeof createFloodStore>

const mostCounters = 50_000

/**
 * Limits of whole networks, against floods. They count in Redis for all servers, and in the process while Redis is away:
 * what must never be exceeded is a budget in PostgreSQL.
 */
export const createFloodStore = (redis: Pick<Redis, 'run' | 'isTrusted'>, now: Clock) => {
  const local = new Map<string, { used: number; endsAt: number }>()

  const claimLocally = (subject: string, { limit, windowSeconds }: Budget): number => {
    const time = now().getTime()
    const known = local.get(subject)
    if (known && known.endsAt > time) {
      if (known.used >= limit) return known.endsAt - time
      known.used++
      return 0
    }
    local.delete(subject) // a known key would keep its old place
    const [oldest] = local.keys()
    if (local.size >= mostCounters && oldest) local.delete(oldest)
    local.set(subject, { used: 1, endsAt: time + windowSeconds * 1000 })
    return 0
  }

  return {
    /** Claims one unit: 0 when there was one, else the milliseconds until there is. */
    async claim(subject: string, budget: Budget): Promise<number> {
      if (!redis.isTrusted()) return claimLocally(subject, budget)
      const { limit, windowSeconds } = budget
      return redis
        .run((connection) => {
          const { client, key } = counterOf(connection, subject)
          return client.claimUnit([key], [String(limit), String(windowSeconds * 1000)])
        })
        .catch(() => claimLocally(subject, budget))
    },

    /** Gives a unit back: what was claimed turned out to be right. */
    async release(subject: string): Promise<void> {
      const known = local.get(subject)
      if (known && known.used > 0) known.used--
      if (!redis.isTrusted()) return
      await redis.run((connection) => {
        const { client, key } = counterOf(connection, subject)
        return client.releaseUnit([key], [])
      })
    },
  }
}

const counterOf = ({ serverOf }: RedisConnection, subject: string) => {
  const { client, prefix } = serverOf(subject)
  return { client, key: `${prefix}:flood:{${subject}}` }
}
