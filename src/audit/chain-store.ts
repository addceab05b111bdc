import { desc, getTableColumns, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import {
  auditCheckpoints,
  auditHead,
  auditLinks,
  securityEventPersonalData,
  securityEvents,
  unsealedSecurityEvents,
} from '../db/tables/audit.ts'
import { countedByDetails } from '../telemetry/sealed-events.ts'
import type { ChainedEvent, Link, SignedHead } from './chain.ts'
import type { EventDetails } from './security-event.ts'

/** Tells every server how far the log is sealed: the sequence of the newest link, as text. */
export const auditHeadChannel = 'gatehouse_audit_head'

/** Tells the server that seals that there is something to seal. */
export const unsealedChannel = 'gatehouse_unsealed'

export interface UnsealedEvent extends ChainedEvent {
  /** Its place in the outbox. */
  readonly ordinal: number
  /** Of those events alone whose details are counted in metrics. */
  readonly details: EventDetails | null
}

export interface Sealing {
  /** What the log was sealed up to when the events were read. */
  readonly from: Pick<SignedHead, 'sequence' | 'hash'>
  readonly links: readonly Link[]
  /** The places in the outbox of just these events. */
  readonly ordinals: readonly number[]
  readonly head: SignedHead
  /** Whether this head is kept. */
  readonly isCheckpoint: boolean
}

export type ChainStore = ReturnType<typeof createChainStore>

/** As the driver reads it: mapping it column by column would cost as much as sealing it. */
type UnsealedRow = Omit<UnsealedEvent, 'occurredAt'> & { readonly milliseconds: number } & Record<string, unknown>

const hashBytes = 32
const mostCounted = 100_000
const isCounted = sql.raw(`type in (${countedByDetails.map((type) => `'${type}'`).join()})`)

/** The chain over the security log, and the outbox of what is not in it yet. */
export const createChainStore = (db: Db) => ({
  /** The newest head that was kept, if any was. */
  async newestCheckpoint(): Promise<SignedHead | undefined> {
    const [checkpoint] = await db
      .select(getTableColumns(auditCheckpoints))
      .from(auditCheckpoints)
      .orderBy(desc(auditCheckpoints.sequence))
      .limit(1)
    return checkpoint
  },

  /** Events that are committed and have no link yet, in the order in which they were written; those behind a place in it. */
  async unsealed(most: number, after: number): Promise<UnsealedEvent[]> {
    const rows = await db.execute<UnsealedRow>(sql`
      select ordinal::float8, id, type, severity, outcome, (extract(epoch from occurred_at) * 1000)::float8 as milliseconds,
        user_id as "userId", actor_id as "actorId", session_id as "sessionId", personal_digest as "personalDigest",
        case when ${isCounted} then (select details from ${securityEventPersonalData} as personal where personal.event_id = id) end as details
      from ${unsealedSecurityEvents} join ${securityEvents} on id = event_id
      where ordinal > ${after} order by ${unsealedSecurityEvents.ordinal} limit ${most}`)
    return rows.map((row) => ({ ...row, occurredAt: new Date(row.milliseconds) }))
  },

  /**
   * Appends links, empties the outbox of their events, moves the head on and announces it, all in one statement. Returns
   * false and changes nothing where the log is no longer sealed just up to `from`: of several at once one seals.
   */
  async seal({ from, links, ordinals, head, isCheckpoint }: Sealing): Promise<boolean> {
    const { sequence, hash, sealedAt, keyId, signature } = head
    const column = (of: (link: Link) => Buffer) => sql`${Buffer.concat(links.map(of))}::bytea`
    const nth = (bytes: SQL) =>
      sql`substr(${bytes}, (n::int - 1) * ${sql.raw(String(hashBytes))} + 1, ${sql.raw(String(hashBytes))})`
    const rows = await db.execute(sql`
      with moved as (
        update ${auditHead} set sequence = ${sequence}, hash = ${hash}::bytea, sealed_at = ${sealedAt.toISOString()},
          key_id = ${keyId}, signature = ${signature}::bytea
        where sequence = ${from.sequence} and hash = ${from.hash}::bytea
        returning sequence, hash, sealed_at, key_id, signature
      ), linked as (
        insert into ${auditLinks} (sequence, event_id, digest, hash)
        select ${from.sequence}::bigint + n, event_id, ${nth(column((link) => link.digest))}, ${nth(column((link) => link.hash))}
        from moved, unnest(${`{${links.map(({ eventId }) => eventId).join()}}`}::uuid[]) with ordinality as link (event_id, n)
      ), emptied as (
        delete from ${unsealedSecurityEvents} using moved where ordinal = any (${`{${ordinals.join()}}`}::bigint[])
      ), kept as (
        insert into ${auditCheckpoints} (sequence, hash, sealed_at, key_id, signature)
        select sequence, hash, sealed_at, key_id, signature from moved where ${isCheckpoint}
      )
      select pg_notify(${auditHeadChannel}, sequence::text) from moved`)
    return rows.length > 0
  },

  /** How many events wait to be sealed, and when the oldest of them happened. At most 100,000 are counted. */
  async backlog(): Promise<{ readonly count: number; readonly since: Date | null }> {
    const [row] = await db.execute<{ count: number; since: string | null }>(sql`
      select (select count(*)::int from (select from ${unsealedSecurityEvents} limit ${mostCounted}) as waiting) as count,
        (select occurred_at from ${unsealedSecurityEvents} join ${securityEvents} on id = event_id order by ordinal limit 1) as since`)
    return { count: row?.count ?? 0, since: row?.since ? new Date(row.since) : null }
  },

  /** Wakes the server that seals, wherever it is. */
  async announceUnsealed(): Promise<void> {
    await db.execute(sql`select pg_notify(${unsealedChannel}, '')`)
  },
})
