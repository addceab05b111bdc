import type { Gatehouse } from './gatehouse.ts'

type Sql = Gatehouse['sql']

const queries = new WeakMap<Sql, string>()

/** What servers write of their own accord: leases, the sealing of events that were recorded before, and counts that they record. */
const background = [
  ...['task_leases', 'repeated_refusals'],
  ...['unsealed_security_events', 'audit_links', 'audit_checkpoints', 'security_event_counts'],
]

const tableNames = async (sql: Sql): Promise<string[]> =>
  (
    await sql`
      SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
        AND relname <> ALL (${background}) ORDER BY 1`
  ).map((row) => row.relname)

/** How many rows each table has, as one text to compare; but for those that servers write of their own accord. */
export const rowCounts = async (sql: Sql): Promise<string> => {
  const query =
    queries.get(sql) ??
    (await tableNames(sql)).map((name) => `SELECT '${name} ' || count(*) AS rows FROM "${name}"`).join(' UNION ALL ')
  queries.set(sql, query)
  return (await sql.unsafe(`${query} ORDER BY 1`, [], { prepare: true })).map(({ rows }) => rows).join('\n')
}

/** How often events of a type happened: those in the log, and the refusals that are still being counted. */
export const countEvents = async (sql: Sql, type: string): Promise<number> => {
  const [row] = await sql`
    SELECT (SELECT coalesce(sum(coalesce((details->>'repeats')::int, 1)), 0) FROM security_events
        JOIN security_event_personal_data ON event_id = id WHERE type = ${type})::int
      + (SELECT coalesce(sum(repeats), 0) FROM repeated_refusals WHERE report->>'type' = ${type})::int AS happened`
  return row?.happened
}
