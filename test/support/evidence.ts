import { createClient } from 'redis'
import { inject } from 'vitest'
import type { Gatehouse } from './gatehouse.ts'

type Sql = Gatehouse['sql']

const tableNames = async (sql: Sql): Promise<string[]> =>
  (await sql`SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`).map((row) => row.tablename)

/** How many rows each table has, as one text to compare. */
export const rowCounts = async (sql: Sql): Promise<string> => {
  const counts = (await tableNames(sql)).map((name) => `SELECT '${name}' AS name, count(*)::int AS rows FROM "${name}"`)
  return (await sql.unsafe(counts.join(' UNION ALL '))).map(({ name, rows }) => `${name} ${rows}`).join('\n')
}

/** Every row of every table, as text. */
export const everyRow = async (sql: Sql): Promise<string[]> => {
  const tables = await Promise.all(
    (await tableNames(sql)).map((name) =>
      sql.unsafe(`SELECT '${name}' || ' ' || to_jsonb(t)::text AS row FROM "${name}" t`),
    ),
  )
  return tables.flatMap((rows) => rows.map(({ row }) => row as string))
}

/** Every key of the Redis of this test run with its value. */
export const everyRedisValue = async (): Promise<string[]> => {
  const redis = createClient({ url: inject('redisUrl') })
  await redis.connect()
  try {
    const found: string[] = []
    for await (const keys of redis.scanIterator({ COUNT: 1000 })) {
      const values = keys.length > 0 ? await redis.mGet(keys) : []
      found.push(...values.map((value, index) => `${keys[index]} ${value}`))
    }
    return found
  } finally {
    redis.destroy()
  }
}

/** How many events of a type stand in the log. */
export const countEvents = async (sql: Sql, type: string): Promise<number> =>
  (await sql`SELECT count(*)::int AS found FROM security_events WHERE type = ${type}`)[0]?.found
