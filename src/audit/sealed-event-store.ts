import { and, asc, eq, gt, gte, lte, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { auditHead, auditLinks, securityEventPersonalData, securityEvents } from '../db/tables/audit.ts'
import { secondsAfter } from '../lib/clock.ts'
import type { EventFilter } from './event-filter.ts'
import { eventColumns, eventOf, fitsFilter } from './event-store.ts'
import type { SecurityEvent } from './security-event.ts'

/** An event at its place in the order of sealing. */
export interface SealedEvent {
  readonly sequence: number
  readonly event: SecurityEvent
}

/** A place in that order. Events behind it happened at about `occurredAt` or later; null where that is not known. */
export interface SealedPosition {
  readonly sequence: number
  readonly occurredAt: Date | null
}

export type SealedEventStore = ReturnType<typeof createSealedEventStore>

const clocksAgreeWithinSeconds = 24 * 3600 // and no transaction is open for longer
const mostEventsOfUser = 2_000_000_000 // any limit: it has the planner begin with the user's events, not with the chain

/** Reads the security log in the order of sealing, in which nothing ever appears before what was read. */
export const createSealedEventStore = (db: Db) => ({
  /** The sequence of the newest sealed event; 0 before there is one. */
  async readHead(): Promise<number> {
    const [head] = await db.select({ sequence: auditHead.sequence }).from(auditHead)
    return head?.sequence ?? 0
  },

  /**
   * Where an event stands, with a null sequence until it is sealed; null when there is none of this id. Of one that was
   * archived the link alone is known.
   */
  async locate(
    eventId: string,
  ): Promise<{ sequence: number | null; occurredAt: Date | null; userId: string | null } | null> {
    const [row] = await db
      .select({
        id: securityEvents.id,
        sequence: auditLinks.sequence,
        occurredAt: securityEvents.occurredAt,
        userId: securityEvents.userId,
      })
      .from(sql`(select ${eventId}::uuid as id) as wanted`)
      .leftJoin(securityEvents, sql`${securityEvents.id} = wanted.id`)
      .leftJoin(auditLinks, sql`${auditLinks.eventId} = wanted.id`)
    if (!row || (row.id === null && row.sequence === null)) return null
    const { sequence, occurredAt, userId } = row
    return { sequence, occurredAt, userId }
  },

  /** The first events behind `after`, and not behind `through`, that fit the filter, in order. */
  async list(after: SealedPosition, through: number, filter: EventFilter, limit: number): Promise<SealedEvent[]> {
    const since = after.occurredAt && secondsAfter(after.occurredAt, -clocksAgreeWithinSeconds)
    const ofUser =
      filter.userId &&
      db
        .select({ id: securityEvents.id })
        .from(securityEvents)
        .where(and(eq(securityEvents.userId, filter.userId), since ? gte(securityEvents.occurredAt, since) : undefined))
        .limit(mostEventsOfUser)
    const rows = await db
      .select({ sequence: auditLinks.sequence, ...eventColumns })
      .from(auditLinks)
      .innerJoin(securityEvents, eq(securityEvents.id, auditLinks.eventId))
      .leftJoin(securityEventPersonalData, eq(securityEventPersonalData.eventId, securityEvents.id))
      .where(
        and(
          gt(auditLinks.sequence, after.sequence),
          lte(auditLinks.sequence, through),
          ofUser ? sql`${auditLinks.eventId} in ${ofUser}` : undefined,
          fitsFilter(filter),
        ),
      )
      .orderBy(asc(auditLinks.sequence))
      .limit(limit)
    return rows.map(({ sequence, ...row }) => ({ sequence, event: eventOf(row) }))
  },
})
