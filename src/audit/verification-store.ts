import { eq, getTableColumns, type SQL, sql } from 'drizzle-orm'
import { arrayOf } from '../db/array.ts'
import type { Db } from '../db/client.ts'
import {
  auditArchives,
  auditCheckpoints,
  auditHead,
  auditLinks,
  securityEventPersonalData,
  securityEvents,
  unsealedSecurityEvents,
} from '../db/tables/audit.ts'
import { erasures } from '../db/tables/privacy.ts'
import type { SignedArchive } from './archive.ts'
import { type ChainedEvent, genesisHash, type HeadStanding, type Link, type SignedHead } from './chain.ts'
import type { PersonalData } from './security-event.ts'

/** A link with what stands in the log for it. */
export interface StoredLink extends Link {
  readonly event: ChainedEvent | null
  readonly personal: PersonalData | null
}

/** An event of an erasure made anew from what stands beside it, and its place in the chain. */
export interface StoredErasure {
  readonly event: ChainedEvent
  readonly link: Link
  readonly previous: Pick<SignedHead, 'sequence' | 'hash'>
}

/** A signed head with how it stands to those that are kept, as the tables have it. */
export type StandingHead = SignedHead & HeadStanding

/** The head and the ends of the tables, as they were at one moment. */
export interface ChainEnds {
  /** Null where there is none, or more than one. */
  readonly head: StandingHead | null
  /** 0 where there is none. */
  readonly firstLink: number
  readonly lastLink: number
  readonly lastCheckpoint: number
}

/** Where a scan of the log stands. */
export interface ScanPosition {
  readonly occurredAt: string
  readonly id: string
}

export interface ScannedPage {
  /** Null: there is nothing more. */
  readonly next: ScanPosition | null
  /** The first event that has no link and does not wait for one. */
  readonly strayEventId: string | null
}

export type VerificationStore = ReturnType<typeof createVerificationStore>

/**
 * Reads the log as it stands. Whatever is looked up by a row is looked up row by row: a plan that reads a whole table would
 * be a matter of the planner's statistics.
 */
export const createVerificationStore = (db: Db) => {
  const checkpointsWhere = async (condition: SQL): Promise<StandingHead[]> => {
    const rows = await db.execute<HeadRow>(sql`
      select kept.*, ${standing(sql`kept.sequence`)} from ${auditCheckpoints} kept where ${condition}`)
    return rows.map(headOf)
  }
  const hashAt = async (sequence: number): Promise<Buffer | null> => {
    const [link] = await db.select({ hash: auditLinks.hash }).from(auditLinks).where(sql`sequence = ${sequence}`)
    return link?.hash ?? null
  }
  return {
    /** Read in one statement: the relay moves them together. */
    async ends(): Promise<ChainEnds> {
      const [row] = await db.execute<EndsRow>(sql`
      select (select count(*) from ${auditHead}) as heads,
        (select coalesce(min(sequence), 0) from ${auditLinks}) as first_link,
        (select coalesce(max(sequence), 0) from ${auditLinks}) as last_link,
        (select coalesce(max(sequence), 0) from ${auditCheckpoints}) as last_checkpoint,
        head.*, ${standing(sql`head.sequence`)}
      from (values (1)) as one left join ${auditHead} head on head.id = 1`)
      return {
        head: row?.sequence && Number(row.heads) === 1 ? headOf(row) : null,
        firstLink: Number(row?.first_link),
        lastLink: Number(row?.last_link),
        lastCheckpoint: Number(row?.last_checkpoint),
      }
    },

    /** The links of a stretch, in order, each with its event and its companion where they are there. */
    async links(after: number, through: number): Promise<StoredLink[]> {
      const rows = await db.execute<LinkRow>(sql`
      select link.sequence, link.event_id, link.digest, link.hash, event.type, event.severity, event.outcome,
        event.occurred_at, event.user_id, event.actor_id, event.session_id, event.personal_digest,
        personal.salt, personal.ip_address, personal.user_agent, personal.details
      from ${auditLinks} link
        left join lateral (select * from ${securityEvents} where id = link.event_id limit 1) event on true
        left join lateral (
          select * from ${securityEventPersonalData} where event_id = link.event_id limit 1
        ) personal on true
      where link.sequence > ${after} and link.sequence <= ${through}
      order by link.sequence`)
      return rows.map(storedLinkOf)
    },

    checkpoints: (after: number, through: number): Promise<StandingHead[]> =>
      checkpointsWhere(sql`kept.sequence > ${after} and kept.sequence <= ${through} order by kept.sequence`),

    /** The last checkpoint that one of these keys is said to have signed by then. */
    async checkpointBefore(instant: Date, keyIds: readonly string[]): Promise<StandingHead | null> {
      const found = await checkpointsWhere(sql`
      kept.sealed_at <= ${instant.toISOString()}::timestamptz and kept.key_id = any(${arrayOf(keyIds)}::text[])
      order by kept.sequence desc limit 1`)
      return found[0] ?? null
    },

    /** The first checkpoint that one of these keys is said to have signed since then. */
    async checkpointSince(instant: Date, keyIds: readonly string[]): Promise<StandingHead | null> {
      const found = await checkpointsWhere(sql`
      kept.sealed_at >= ${instant.toISOString()}::timestamptz and kept.key_id = any(${arrayOf(keyIds)}::text[])
      order by kept.sequence limit 1`)
      return found[0] ?? null
    },

    hashAt,

    /**
     * The erasure of a user as it must have been recorded, its link, and the link before that; null where no link bears its id.
     * The event may be in an archive by now.
     */
    async erasureOf(userId: string): Promise<StoredErasure | null> {
      const [row] = await db
        .select({ erasure: getTableColumns(erasures), link: getTableColumns(auditLinks) })
        .from(erasures)
        .innerJoin(auditLinks, eq(auditLinks.eventId, erasures.eventId))
        .where(eq(erasures.userId, userId))
      if (!row) return null
      const { erasure, link } = row
      const { eventId: id, severity, erasedAt: occurredAt, actorId, sessionId, personalDigest } = erasure
      const hash = link.sequence === 1 ? genesisHash : await hashAt(link.sequence - 1)
      return {
        event: {
          id,
          type: 'ACCOUNT_ERASED',
          severity,
          outcome: 'SUCCESS',
          occurredAt,
          userId,
          actorId,
          sessionId,
          personalDigest,
        },
        link,
        previous: { sequence: link.sequence - 1, hash: hash ?? Buffer.alloc(0) },
      }
    },

    archives: (): Promise<SignedArchive[]> => db.select().from(auditArchives),

    /** Whether no event of a month is left in the log; `month` is its first day. */
    async isEmptied(month: string): Promise<boolean> {
      const [left] = await db.execute(sql`
      select 1 from ${securityEvents}
      where id >= first_id_of(${month}::date) and id < first_id_of((${month}::date + interval '1 month')::date) limit 1`)
      return !left
    },

    /** Goes through events of a time, newest first, and looks for the link of each. Null for `before` begins. */
    async scan(from: Date | null, before: ScanPosition | null, to: Date | null, limit: number): Promise<ScannedPage> {
      const [row] = await db.execute<{ at: string | null; id: string | null; stray: string | null }>(sql`
      with page as materialized (
        select occurred_at, id from ${securityEvents}
        where ${from ? sql`occurred_at >= ${from.toISOString()}::timestamptz` : sql`true`}
          and ${to ? sql`occurred_at <= ${to.toISOString()}::timestamptz` : sql`true`}
          and ${before ? sql`(occurred_at, id) < (${before.occurredAt}::timestamptz, ${before.id}::uuid)` : sql`true`}
        order by occurred_at desc nulls last, id desc nulls last
        limit ${limit}
      ),
      unlinked as materialized (
        select id from page where (select event_id from ${auditLinks} where event_id = page.id limit 1) is null
      )
      select last.occurred_at::text as at, last.id, (
        select id from unlinked where id not in (select event_id from ${unsealedSecurityEvents}) order by id limit 1
      ) as stray
      from (values (1)) as one left join lateral (
        select occurred_at, id from page order by occurred_at, id limit 1
      ) last on (select count(*) from page) = ${limit}`)
      return {
        next: row?.id && row.at ? { occurredAt: row.at, id: row.id } : null,
        strayEventId: row?.stray ?? null,
      }
    },

    /** Goes through the outbox, and looks for what is no event, or has a link already. */
    async scanOutbox(after: number, limit: number): Promise<{ next: number | null; strayEventId: string | null }> {
      const [row] = await db.execute<{ last: string | null; found: string; stray: string | null }>(sql`
      with page as materialized (
        select ordinal, event_id from ${unsealedSecurityEvents} where ordinal > ${after} order by ordinal limit ${limit}
      )
      select (select max(ordinal) from page) as last, (select count(*) from page) as found, (
        select event_id from page
        where (select event_id from ${auditLinks} where event_id = page.event_id limit 1) is not null
          or (select id from ${securityEvents} where id = page.event_id limit 1) is null
        order by ordinal limit 1
      ) as stray`)
      return { next: Number(row?.found) === limit ? Number(row?.last) : null, strayEventId: row?.stray ?? null }
    },
  }
}

const standing = (sequence: SQL): SQL => sql`
  (select coalesce(max(sequence), 0) from ${auditCheckpoints} where sequence < ${sequence}) as checkpoint_before,
  exists (select 1 from ${auditCheckpoints} where sequence = ${sequence}) as is_checkpoint`

interface HeadRow extends Record<string, unknown> {
  readonly sequence: string
  readonly hash: Buffer
  readonly sealed_at: string
  readonly key_id: string
  readonly signature: Buffer
  readonly checkpoint_before: string
  readonly is_checkpoint: boolean
}

interface EndsRow extends HeadRow {
  readonly heads: string
  readonly first_link: string
  readonly last_link: string
  readonly last_checkpoint: string
}

const headOf = (row: HeadRow): StandingHead => ({
  sequence: Number(row.sequence),
  hash: row.hash,
  sealedAt: new Date(row.sealed_at),
  keyId: row.key_id,
  signature: row.signature,
  checkpointBefore: Number(row.checkpoint_before),
  isCheckpoint: row.is_checkpoint,
})

interface LinkRow extends Record<string, unknown> {
  readonly sequence: string
  readonly event_id: string
  readonly digest: Buffer
  readonly hash: Buffer
  readonly type: ChainedEvent['type'] | null
  readonly severity: ChainedEvent['severity']
  readonly outcome: ChainedEvent['outcome']
  readonly occurred_at: string
  readonly user_id: string | null
  readonly actor_id: string | null
  readonly session_id: string | null
  readonly personal_digest: string
  readonly salt: string | null
  readonly ip_address: string | null
  readonly user_agent: string | null
  readonly details: PersonalData['details']
}

const storedLinkOf = (row: LinkRow): StoredLink => ({
  sequence: Number(row.sequence),
  eventId: row.event_id,
  digest: row.digest,
  hash: row.hash,
  event:
    row.type === null
      ? null
      : {
          id: row.event_id,
          type: row.type,
          severity: row.severity,
          outcome: row.outcome,
          occurredAt: new Date(row.occurred_at),
          userId: row.user_id,
          actorId: row.actor_id,
          sessionId: row.session_id,
          personalDigest: row.personal_digest,
        },
  personal:
    row.salt === null
      ? null
      : { salt: row.salt, ipAddress: row.ip_address, userAgent: row.user_agent, details: row.details },
})
