import { eq, sql } from 'drizzle-orm'
import type { SignedArchive } from '../audit/archive.ts'
import { arrayOf } from '../db/array.ts'
import type { Db } from '../db/client.ts'
import { auditArchives, auditCheckpoints, auditLinks, securityEvents } from '../db/tables/audit.ts'

/** Events of a month, and their places in the chain; no sequences where there are none. */
export interface MonthPart {
  readonly events: number
  readonly unsealed: number
  readonly firstSequence: number | null
  readonly lastSequence: number | null
  /** The last one, to go on behind. */
  readonly lastId: string | null
}

export type AuditArchiveStore = ReturnType<typeof createAuditArchiveStore>

const lockNotAvailable = '55P03'

/** The months of the security log: its partitions, and what is known of those that were archived. Months are their first day, as in 2026-01-01. */
export const createAuditArchiveStore = (db: Db) => ({
  /** Makes the partitions of these months where they are missing; of any number of servers at once one does. */
  async createPartitions(from: Date, through: Date): Promise<void> {
    await db.execute(sql`
      select create_security_event_partitions(${from.toISOString()}::timestamptz::date, ${through.toISOString()}::timestamptz::date)`)
  },

  /** The months that are in the database, oldest first. */
  async months(): Promise<readonly string[]> {
    const rows = await db.execute<{ month: string }>(sql`
      select replace(right(relname, 7), '_', '-') || '-01' as month
      from pg_inherits join pg_class on pg_class.oid = inhrelid
      where inhparent = 'security_events'::regclass order by 1`)
    return rows.map(({ month }) => month)
  },

  /** Up to `most` events of a month, by id, behind `after`. */
  async measure(month: string, after: string | null, most: number): Promise<MonthPart> {
    const [row] = await db.execute<Record<string, string | null>>(sql`
      with part as materialized (
        select id, (select sequence from ${auditLinks} where event_id = event.id limit 1) as sequence
        from ${securityEvents} event
        where ${after ? sql`id > ${after}::uuid` : sql`id >= first_id_of(${month}::date)`}
          and id < first_id_of((${month}::date + interval '1 month')::date)
        order by id limit ${most}
      )
      select count(*) as events, count(*) - count(sequence) as unsealed, min(sequence) as first, max(sequence) as last,
        max(id::text) as last_id
      from part`)
    return {
      events: Number(row?.events),
      unsealed: Number(row?.unsealed),
      firstSequence: row?.first ? Number(row.first) : null,
      lastSequence: row?.last ? Number(row.last) : null,
      lastId: row?.last_id ?? null,
    }
  },

  /** The first checkpoint of one of these keys at or after a place in the chain. */
  async checkpointFrom(sequence: number, keyIds: readonly string[]): Promise<number | null> {
    const [row] = await db.execute<{ sequence: string }>(sql`
      select sequence from ${auditCheckpoints}
      where sequence >= ${sequence} and key_id = any(${arrayOf(keyIds)}::text[]) order by sequence limit 1`)
    return row ? Number(row.sequence) : null
  },

  async find(month: string): Promise<SignedArchive | null> {
    const [archive] = await db.select().from(auditArchives).where(eq(auditArchives.month, month))
    return archive ?? null
  },

  /** Keeps that a month was archived. Does nothing where that is known. */
  async add(archive: SignedArchive): Promise<void> {
    await db.insert(auditArchives).values(archive).onConflictDoNothing()
  },

  /**
   * Drops the events of a month that was archived, or that has none. False where writers are in the way, which it keeps waiting for
   * a moment only. Throws where there are more or fewer events than were archived, or it is too early.
   */
  async drop(month: string): Promise<boolean> {
    try {
      await db.execute(sql`select drop_archived_security_events(${month}::date)`)
      return true
    } catch (problem) {
      const { code, cause } = problem as { code?: string; cause?: { code?: string } }
      if (code === lockNotAvailable || cause?.code === lockNotAvailable) return false
      throw problem
    }
  },
})
