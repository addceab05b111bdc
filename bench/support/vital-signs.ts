import postgres from 'postgres'
import { createClient } from 'redis'
import type { Environment } from './report.ts'

export type VitalSign = (typeof vitalSigns)[number]['name']

/** What must not grow, and what it may grow by all the same, as a share and in whole units: the rest of the world is not still. */
export const vitalSigns = [
  { name: 'RSS, MB', mostGrowth: 0.1, slack: 10 },
  { name: 'heap in use, MB', mostGrowth: 0.25, slack: 15 },
  { name: 'file descriptors', mostGrowth: 0.05, slack: 6 },
  { name: 'active handles', mostGrowth: 0.05, slack: 6 },
  { name: 'Redis keys', mostGrowth: 0.1, slack: 100 },
  { name: 'PostgreSQL connections', mostGrowth: 0, slack: 2 },
  { name: 'sessions kept', mostGrowth: 0.25, slack: 200 },
  { name: 'challenges kept', mostGrowth: 0.25, slack: 200 },
  { name: 'event loop lag, p99, ms', mostGrowth: 1, slack: 100 },
] as const

/** Reads them of a server, its stores and its metrics. */
export const openVitalSigns = async ({ databaseUrl, redisUrl }: Environment, metricsUrl: string) => {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  const redis = await createClient({ url: redisUrl }).connect()
  return {
    async read(): Promise<Record<VitalSign, number>> {
      const metrics = await (await fetch(metricsUrl)).text()
      const metric = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1])
      const [counts] = await sql`
        select (select count(*)::int from pg_stat_activity where application_name = 'gatehouse') as connections,
          (select count(*)::int from user_sessions) as sessions, (select count(*)::int from mfa_challenges) as challenges`
      return {
        'RSS, MB': metric('process_resident_memory_bytes') / 1e6,
        'heap in use, MB': metric('nodejs_heap_size_used_bytes') / 1e6,
        'file descriptors': metric('process_open_fds'),
        'active handles': metric('nodejs_active_handles_total'),
        'Redis keys': await redis.dbSize(),
        'PostgreSQL connections': counts?.connections,
        'sessions kept': counts?.sessions,
        'challenges kept': counts?.challenges,
        'event loop lag, p99, ms': metric('nodejs_eventloop_lag_p99_seconds') * 1e3,
      }
    },
    /** Makes what ended over a minute ago two days older, so that it is to be deleted as it would be then. */
    async age(): Promise<void> {
      await sql`update user_sessions set ended_at = ended_at - interval '2 days'
        where ended_at between now() - interval '1 day' and now() - interval '1 minute'`
      await sql`update mfa_challenges set expires_at = expires_at - interval '2 days'
        where created_at < now() - interval '1 minute' and expires_at > now() - interval '1 day'`
    },
    async close(): Promise<void> {
      await sql.end()
      redis.destroy()
    },
  }
}
