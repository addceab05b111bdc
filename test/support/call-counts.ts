import type { Gatehouse } from './gatehouse.ts'
import type { RedisServerProcess } from './redis-server.ts'

/** Statements that name a table and that PostgreSQL ran while `work` did. */
export const countStatements = async (
  { sql }: Pick<Gatehouse, 'sql'>,
  table: string,
  work: () => Promise<unknown>,
): Promise<number> => {
  await sql`create extension if not exists pg_stat_statements`
  const read = async () => {
    const [row] = await sql`
      select coalesce(sum(calls), 0)::int as calls from pg_stat_statements
      where dbid = (select oid from pg_database where datname = current_database())
        and query like ${`%${table}%`} and query not like '%pg_stat_statements%'`
    return row?.calls as number
  }
  const before = await read()
  await work()
  return (await read()) - before
}

/** What servers of Redis do for one another (DEL is how replicas learn of an expiry), and what Gatehouse asks once a second or sweeps away. */
const housekeeping = new Set(
  'info|scan|unlink|del|cluster|cluster info|cluster slots|ping|replconf|psync|sync|auth|hello|select|client|client setinfo|client setname|client kill|publish|subscribe|config|role|exec|multi|command|sentinel'.split(
    '|',
  ),
)

/** Commands that all these servers got while `work` ran, by name. */
export const countRedisCommands = async (
  servers: readonly RedisServerProcess[],
  work: () => Promise<unknown>,
): Promise<Record<string, number>> => {
  const read = async () => {
    const counts = new Map<string, number>()
    for (const server of servers) {
      const stats = await server.ask<string>('INFO', 'commandstats')
      for (const [, name = '', calls] of stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) {
        const command = name.replace('|', ' ')
        if (!housekeeping.has(command)) counts.set(command, (counts.get(command) ?? 0) + Number(calls))
      }
    }
    return counts
  }
  const before = await read()
  await work()
  const grown = [...(await read())].map(([name, calls]) => [name, calls - (before.get(name) ?? 0)] as const)
  return Object.fromEntries(grown.filter(([, calls]) => calls > 0))
}
