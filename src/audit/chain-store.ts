import { asc, desc, eq, getTableColumns, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { auditCheckpoints, auditHead, auditLinks, securityEvents, unsealedSecurityEvents } from '../db/tables.ts'
import type { ChainedEvent, Link, SignedHead } from './chain.ts'

/** Tells every server how far the log is sealed: the sequence of the newest link, as text. */
export const auditHeadChannel = 'gatehouse_audit_head'

/** Tells the server that seals that there is something to seal. */
export const unsealedChannel = 'gatehouse_unsealed'

export interface UnsealedEvent extends ChainedEvent {
  /** Its place in the outbox. */
  readonly ordinal: number
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

const { id: _id, ...headColumns } = getTableColumns(auditHead)
const { id, type, severity, outcome, occurredAt, userId, actorId, sessionId, personalDigest } = securityEvents
const unsealedColumns = {
  ...{ ordinal: unsealedSecurityEvents.ordinal, id, type, severity, outcome, occurredAt },
  ...{ userId, actorId, sessionId, personalDigest },
}

const hex = (bytes: Buffer): string => `\\x${bytes.toString('hex')}`

/** The chain over the security log, and the outbox of what is not in it yet. */
export const createChainStore = (db: Db) => ({
  /** How far the log is sealed. */
  async head(): Promise<SignedHead> {
    const [head] = await db.select(headColumns).from(auditHead)
    if (!head) throw new Error('The head of the audit chain is missing')
    return head
  },

  /** The newest head that was kept, if any was. */
  async newestCheckpoint(): Promise<SignedHead | undefined> {
    const [checkpoint] = await db
      .select(getTableColumns(auditCheckpoints))
      .from(auditCheckpoints)
      .orderBy(desc(auditCheckpoints.sequence))
      .limit(1)
    return checkpoint
  },

  /** Events that are committed and have no link yet, in the order in which they were written. */
  unsealed(most: number): Promise<UnsealedEvent[]> {
    return db
      .select(unsealedColumns)
      .from(unsealedSecurityEvents)
      .innerJoin(securityEvents, eq(id, unsealedSecurityEvents.eventId))
      .orderBy(asc(unsealedSecurityEvents.ordinal))
      .limit(most)
  },

  /**
   * Appends links, empties the outbox of their events, moves the head on and announces it, all in one statement. Returns
   * false and changes nothing where the log is no longer sealed just up to `from`: of several at once one seals.
   */
  async seal({ from, links, ordinals, head, isCheckpoint }: Sealing): Promise<boolean> {
    const { sequence, hash, sealedAt, keyId, signature } = head
    const column = (of: (link: Link) => string | number) => `{${links.map((link) => JSON.stringify(of(link))).join()}}`
    const rows = await db.execute(sql`
      with moved as (
        update ${auditHead} set sequence = ${sequence}, hash = ${hash}::bytea, sealed_at = ${sealedAt.toISOString()},
          key_id = ${keyId}, signature = ${signature}::bytea
        where sequence = ${from.sequence} and hash = ${from.hash}::bytea
        returning sequence, hash, sealed_at, key_id, signature
      ), linked as (
        insert into ${auditLinks} (sequence, event_id, digest, hash)
        select link.* from moved, unnest(${column((link) => link.sequence)}::bigint[], ${column((link) => link.eventId)}::uuid[],
          ${column((link) => hex(link.digest))}::bytea[], ${column((link) => hex(link.hash))}::bytea[]) as link
      ), emptied as (
        delete from ${unsealedSecurityEvents} using moved where ordinal = any (${`{${ordinals.join()}}`}::bigint[])
      ), kept as (
        insert into ${auditCheckpoints} (sequence, hash, sealed_at, key_id, signature)
        select sequence, hash, sealed_at, key_id, signature from moved where ${isCheckpoint}
      )
      select pg_notify(${auditHeadChannel}, sequence::text) from moved`)
    return rows.length > 0
  },

  /** Wakes the server that seals, wherever it is. */
  async announceUnsealed(): Promise<void> {
    await db.execute(sql`select pg_notify(${unsealedChannel}, '')`)
  },
})
