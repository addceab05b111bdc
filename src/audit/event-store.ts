import { randomBytes } from 'node:crypto'
import { and, desc, eq, gte, inArray, lt, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { securityEventPersonalData, securityEvents } from '../db/tables.ts'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import type { EventPosition } from './event-page.ts'
import {
  type EventReport,
  type Outcome,
  personalDigestOf,
  type SecurityEvent,
  type SecurityEventType,
  type Severity,
  severityOf,
} from './security-event.ts'

export interface EventFilter {
  readonly types?: readonly SecurityEventType[]
  readonly severities?: readonly Severity[]
  readonly outcomes?: readonly Outcome[]
  readonly userId?: string
  readonly sessionId?: string
  readonly ipAddress?: string
  readonly from?: Date
  readonly to?: Date
}

export type EventStore = ReturnType<typeof createEventStore>

export const createEventStore = (db: Db, now: Clock) => ({
  /** Records what happened, in the order given. Call it in the transaction of the change that it tells of. */
  async append(...reports: EventReport[]): Promise<void> {
    const occurredAt = now()
    const rows = reports.map((report) => {
      const personal = {
        salt: randomBytes(16).toString('base64url'),
        ipAddress: report.client?.ipAddress ?? null,
        userAgent: report.client?.userAgent ?? null,
        details: report.details ?? {},
      }
      const { type, outcome, userId, actorId = null, sessionId = null } = report
      const event = { id: newId(), type, severity: severityOf(type), outcome, occurredAt, userId, actorId, sessionId }
      return {
        event: { ...event, personalDigest: personalDigestOf(personal) },
        personal: { eventId: event.id, ...personal },
      }
    })
    await Promise.all([
      db.insert(securityEvents).values(rows.map((row) => row.event)),
      db.insert(securityEventPersonalData).values(rows.map((row) => row.personal)),
    ])
  },

  /** One page, newest first, of the events that fit the filter and are older than `before`. */
  async page(filter: EventFilter, before: EventPosition | null, limit: number): Promise<SecurityEvent[]> {
    const conditions: (SQL | undefined)[] = [
      filter.types && inArray(securityEvents.type, [...filter.types]),
      filter.severities && inArray(securityEvents.severity, [...filter.severities]),
      filter.outcomes && inArray(securityEvents.outcome, [...filter.outcomes]),
      filter.userId ? eq(securityEvents.userId, filter.userId) : undefined,
      filter.sessionId ? eq(securityEvents.sessionId, filter.sessionId) : undefined,
      filter.ipAddress ? eq(securityEventPersonalData.ipAddress, filter.ipAddress) : undefined,
      filter.from && gte(securityEvents.occurredAt, filter.from),
      filter.to && lt(securityEvents.occurredAt, filter.to),
      before
        ? sql`(${securityEvents.occurredAt}, ${securityEvents.id}) < (${before.occurredAt.toISOString()}::timestamptz, ${before.id}::uuid)`
        : undefined,
    ]
    const rows = await db
      .select({
        id: securityEvents.id,
        type: securityEvents.type,
        severity: securityEvents.severity,
        outcome: securityEvents.outcome,
        occurredAt: securityEvents.occurredAt,
        userId: securityEvents.userId,
        actorId: securityEvents.actorId,
        sessionId: securityEvents.sessionId,
        ipAddress: securityEventPersonalData.ipAddress,
        userAgent: securityEventPersonalData.userAgent,
        details: securityEventPersonalData.details,
      })
      .from(securityEvents)
      .leftJoin(securityEventPersonalData, eq(securityEventPersonalData.eventId, securityEvents.id))
      .where(and(...conditions))
      .orderBy(desc(securityEvents.occurredAt), desc(securityEvents.id))
      .limit(limit)
    return rows.map((row) => ({ ...row, details: row.details ?? {} }))
  },
})
