import postgres from 'postgres'
import { createClient } from 'redis'
import type { Environment } from './report.ts'

/** What the server sends of its own accord, whatever is asked of it: by what their statements say. */
const background: readonly { readonly who: string; readonly statement: RegExp }[] = [
  { who: 'mail polling', statement: /"outgoing_messages"/ },
  { who: 'reading of signing keys', statement: /^select .* from "signing_keys"/ },
  { who: 'sweep of ended tokens', statement: /^select .* from "ended_tokens" where .* is null order/ },
  { who: 'sealing of the log', statement: /"(unsealed_security_events|audit_head|audit_checkpoints|task_leases)"/ },
  { who: 'waking of the server that seals', statement: /^select pg_notify\(\$1, ''\)$/ },
  { who: 'liveness of the listening connection', statement: /^select \$?1$/ },
  { who: 'this count itself', statement: /pg_stat_statements/ },
]

export interface Counts {
  /** Calls by Redis command. */
  readonly redis: ReadonlyMap<string, number>
  /** Calls by statement, background left out. */
  readonly sql: ReadonlyMap<string, number>
  /** Calls left out, by who made them. */
  readonly ignored: ReadonlyMap<string, number>
}

/**
 * Counts the commands and statements that reach Redis and PostgreSQL while `work` runs, as those servers count them
 * (`INFO commandstats`, pg_stat_statements).
 */
export const countCalls = async (environment: Environment, work: () => Promise<unknown>): Promise<Counts> => {
  const redis = createClient({ url: environment.redisUrl })
  try {
    await redis.connect()
    const before = await redisCalls(redis)
    const statements = await countStatements(environment, work)
    return { redis: growth(before, await redisCalls(redis)), ...statements }
  } finally {
    await redis.close()
  }
}

/** Counts the statements alone, for when Redis does not answer. */
export const countStatements = async (
  { databaseUrl }: Pick<Environment, 'databaseUrl'>,
  work: () => Promise<unknown>,
): Promise<Pick<Counts, 'sql' | 'ignored'>> => {
  const database = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  try {
    await database`create extension if not exists pg_stat_statements`
    const before = await sqlCalls(database)
    await work()
    const sql = growth(before, await sqlCalls(database))
    const ignored = new Map<string, number>()
    for (const [statement, calls] of sql) {
      const source = background.find((candidate) => candidate.statement.test(statement))
      if (!source) continue
      sql.delete(statement)
      ignored.set(source.who, (ignored.get(source.who) ?? 0) + calls)
    }
    return { sql, ignored }
  } finally {
    await database.end()
  }
}

type Calls = Map<string, number>

/** By command; INFO is this count's own. */
const redisCalls = async (redis: { info(section: string): Promise<string> }): Promise<Calls> => {
  const lines = (await redis.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)
  return new Map(
    [...lines]
      .map(([, command = '', calls]) => [command, Number(calls)] as const)
      .filter(([command]) => command !== 'info'),
  )
}

const sqlCalls = async (database: postgres.Sql): Promise<Calls> => {
  const rows = await database<
    { query: string; calls: string }[]
  >`select query, sum(calls) calls from pg_stat_statements group by query`
  return new Map(rows.map(({ query, calls }) => [query.replaceAll(/\s+/g, ' ').trim(), Number(calls)]))
}

const growth = (before: Calls, after: Calls): Calls =>
  new Map(
    [...after].map(([key, calls]) => [key, calls - (before.get(key) ?? 0)] as const).filter(([, calls]) => calls > 0),
  )

export const total = (calls: ReadonlyMap<string, number>): number =>
  [...calls.values()].reduce((sum, count) => sum + count, 0)
