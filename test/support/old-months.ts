import { randomBytes } from 'node:crypto'
import { v7 } from 'uuid'
import { unsealedChannel } from '../../src/audit/chain-store.ts'
import { personalDigestOf } from '../../src/audit/security-event.ts'
import { allSealed } from './chain.ts'
import type { Gatehouse } from './gatehouse.ts'

type Server = Pick<Gatehouse, 'sql' | 'advanceClock'>

/** The first day of the month so many months before this one, as in 2026-01-01. */
export const monthsAgo = (count: number): string => {
  const now = new Date()
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - count)).toISOString().slice(0, 10)
}

const addressOf = (index: number): string => `198.51.100.${index % 250}`

/** Whom an event is about, and who did it. */
interface Who {
  readonly userId?: string
  readonly actorId?: string
}

/** Records events in these months, in this order, and returns their ids. `who` is for each of them, by its place. */
export const recordIn = async (
  { sql }: Pick<Gatehouse, 'sql'>,
  months: readonly string[],
  who: Readonly<Record<number, Who>> = {},
): Promise<string[]> => {
  for (const month of new Set(months))
    await sql`SELECT create_security_event_partitions(${month}::date, ${month}::date)`
  const rows = months.map((month, index) => {
    const at = new Date(new Date(month).getTime() + 1000 * index)
    const personal = {
      salt: randomBytes(16).toString('base64url'),
      ipAddress: addressOf(index),
      userAgent: 'old',
      details: { index },
    }
    return {
      n: index,
      id: v7({ msecs: at.getTime() }),
      at: at.toISOString(),
      digest: personalDigestOf(personal),
      ...personal,
      ...who[index],
    }
  })
  await sql`
    WITH told AS (SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) AS told (n int, id uuid, at timestamptz,
        digest text, salt text, "ipAddress" text, "userAgent" text, details jsonb, "userId" uuid, "actorId" uuid)),
      personal AS (INSERT INTO security_event_personal_data SELECT id, salt, "ipAddress", "userAgent", details FROM told)
    INSERT INTO security_events (id, type, severity, outcome, occurred_at, user_id, actor_id, personal_digest)
    SELECT id, 'LOGIN_FAILED', 'WARNING', 'FAILURE', at, "userId", "actorId", digest FROM told ORDER BY n`
  await sql.notify(unsealedChannel, '')
  return rows.map(({ id }) => id)
}

/** Has a checkpoint follow all that is recorded: a minute passes, and something happens. */
export const checkpointed = async (server: Server): Promise<void> => {
  await allSealed(server)
  server.advanceClock(61)
  await recordIn(server, [monthsAgo(0)])
  await allSealed(server)
}

/** How many events of a month are in the database. */
export const countIn = async ({ sql }: Pick<Gatehouse, 'sql'>, month: string): Promise<number> => {
  const [row] = await sql`
    SELECT count(*)::int AS found FROM security_events
    WHERE id >= first_id_of(${month}::date) AND id < first_id_of((${month}::date + interval '1 month')::date)`
  return row?.found
}

/** Does `work` while no server can seal. */
export const whileNothingIsSealed = async (
  { sql }: Pick<Gatehouse, 'sql'>,
  work: () => Promise<void>,
): Promise<void> => {
  await sql.begin(async (lock) => {
    await lock`SELECT 1 FROM audit_head FOR UPDATE`
    await work()
  })
}
