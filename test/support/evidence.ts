import type { Gatehouse } from './gatehouse.ts'

type Sql = Gatehouse['sql']

const queries = new WeakMap<Sql, string>()

/** What servers write of their own accord: leases, and the sealing of events that were recorded before. */
const background = ['task_leases', 'unsealed_security_events', 'audit_links', 'audit_checkpoints']

const tableNames = async (sql: Sql): Promise<string[]> =>
  (
    await sql`
      SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL (${background}) ORDER BY 1`
  ).map((row) => row.tablename)

/** How many rows each table has, as one text to compare; but for those that servers write of their own accord. */
export const rowCounts = async (sql: Sql): Promise<string> => {
  const query =
    queries.get(sql) ??
    (await tableNames(sql)).map((name) => `SELECT '${name} ' || count(*) AS rows FROM "${name}"`).join(' UNION ALL ')
  queries.set(sql, query)
  return (await sql.unsafe(query)).map(({ rows }) => rows).join('\n')
}

/** How many events of a type stand in the log. */
export const countEvents = async (sql: Sql, type: string): Promise<number> =>
  (await sql`SELECT count(*)::int AS found FROM security_events WHERE type = ${type}`)[0]?.found
