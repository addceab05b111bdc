import { getTableColumns, getTableName } from 'drizzle-orm'
import type { Gatehouse } from './gatehouse.ts'
import { tables } from './tables.ts'

/** How each column that leads to a person does so, in SQL; $1 is the id of the user, $2 the address. */
const conditions: Readonly<Record<string, string>> = {
  user_id: 'user_id = $1',
  actor_id: 'actor_id = $1',
  session_id: 'session_id IN (SELECT id FROM user_sessions WHERE user_id = $1)',
  event_id: 'event_id IN (SELECT id FROM security_events WHERE user_id = $1 OR actor_id = $1)',
  session_tag: 'session_tag = (SELECT session_tag FROM users WHERE id = $1)',
  recipient: 'lower(recipient) = lower($2)',
  report: "report::text LIKE '%' || $1 || '%'",
  subject: "subject LIKE '%' || $1 || '%'",
}

/** Every table of the schema from which a way leads to a person, with that way. */
const personalTables: readonly (readonly [name: string, condition: string])[] = tables.flatMap((table) => {
  const name: string = getTableName(table)
  const ways = Object.values(getTableColumns(table)).flatMap((column) => conditions[column.name] ?? [])
  if (name === 'users') return [[name, 'id = $1']]
  return ways.length > 0 ? [[name, ways.join(' OR ')]] : []
})

/** How many rows of each such table are about a user. */
export const rowsAbout = async (
  { sql }: Pick<Gatehouse, 'sql'>,
  { id, email }: { readonly id: string; readonly email: string },
): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const [name, condition] of personalTables) {
    const text = `SELECT count(*)::int AS found FROM "${name}" WHERE ${condition}`
      .replaceAll('$1 ||', `'${id}' ||`)
      .replaceAll('$1', `'${id}'`)
      .replaceAll('$2', `'${email}'`)
    counts[name] = (await sql.unsafe(text))[0]?.found
  }
  return counts
}
