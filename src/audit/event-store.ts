import { randomBytes } from 'node:crypto'
import { and, eq, gte, inArray, lt, type SQL, sql } from 'drizzle-orm'
import { arrayOf } from '../db/array.ts'
import type { Db } from '../db/client.ts'
import { securityEventPersonalData, securityEvents } from '../db/tables/audit.ts'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import type { Position } from '../page.ts'
import type { EventFilter } from './event-filter.ts'
import {
  type EventReport,
  outcomes,
  personalDigestOf,
  type SecurityEvent,
  securityEventTypes,
  severities,
  severityOf,
} from './security-event.ts'

export type EventStore = ReturnType<typeof createEventStore>

export interface EventInsertion {
  /** Holds where the change was made. */
  readonly condition?: SQL
  /** Tells two groups in one statement apart. */
  readonly suffix?: string
  /** One for each report, which `condition` then knows as `key`. */
  readonly keys?: readonly string[]
  /** A common table expression with a `session_id`: the events are recorded once for each of its rows, about that session. */
  readonly eachSessionOf?: SQL
}

/** The statements that record events, as common table expressions for the statement of the change that they tell of. */
export const eventInsertion = (
  reports: readonly EventReport[],
  occurredAt: Date,
  { condition = sql`true`, suffix = '', keys, eachSessionOf }: EventInsertion = {},
): SQL => {
  const name = (text: string) => sql.raw(text + suffix)
  const rows = reports.map((report, n) => {
    const personal = {
      salt: randomBytes(16).toString('base64url'),
      ipAddress: report.client?.ipAddress ?? null,
      userAgent: report.client?.userAgent ?? null,
      details: report.details ?? {},
    }
    const { type, outcome, userId, actorId = null, sessionId = null } = report
    const event = {
      id: newId(),
      key: keys?.[n],
      type,
      severity: severityOf(report),
      outcome,
      userId,
      actorId,
      sessionId,
    }
    return { ...event, ...personal, personalDigest: personalDigestOf(personal) }
  })
  return sql`
    ${name('report')} as ${eachSessionOf ? sql`materialized` : sql``} (
      select ${eachSessionOf ? sql`${ownId} as id, session_id as "sessionId"` : sql`id, "sessionId"`}, type, severity, outcome,
        "userId", "actorId", "personalDigest", salt, "ipAddress", "userAgent", details
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as told (id uuid, key text, type text, severity text, outcome text,
        "userId" uuid, "actorId" uuid, "sessionId" uuid, "personalDigest" text, salt text, "ipAddress" text,
        "userAgent" text, details jsonb)
      ${eachSessionOf ? sql`cross join ${eachSessionOf}` : sql``}
      where ${condition}
    ),
    ${name('event')} as (
      insert into ${securityEvents} (id, type, severity, outcome, occurred_at, user_id, actor_id, session_id, personal_digest)
      select id, type, severity, outcome, ${occurredAt.toISOString()}::timestamptz, "userId", "actorId", "sessionId",
        "personalDigest"
      from ${name('report')}
    ),
    ${name('personal_data')} as (
      insert into ${securityEventPersonalData} (event_id, salt, ip_address, user_agent, details)
      select id, salt, "ipAddress", "userAgent", details from ${name('report')}
    )`
}

/** An id of its own in the place of the one that was made: the same instant, another end. */
const ownId = sql`overlay(id::text placing right(gen_random_uuid()::text, 12) from 25)::uuid`

/** What of a row and its companion makes an event. */
export const eventColumns = {
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
}

/** An event whose personal data was erased has no details. */
export const eventOf = <Row extends { readonly details: SecurityEvent['details'] | null }>(row: Row) => ({
  ...row,
  details: row.details ?? {},
})

const isInTime = ({ from, to }: EventFilter): SQL | undefined =>
  and(from && gte(securityEvents.occurredAt, from), to && lt(securityEvents.occurredAt, to))

/** Says in SQL what `fits` says of an event in memory. */
export const fitsFilter = (filter: EventFilter): SQL | undefined =>
  and(
    filter.types && inArray(securityEvents.type, [...filter.types]),
    filter.severities && inArray(securityEvents.severity, [...filter.severities]),
    filter.outcomes && inArray(securityEvents.outcome, [...filter.outcomes]),
    filter.userId ? eq(securityEvents.userId, filter.userId) : undefined,
    filter.sessionId ? eq(securityEvents.sessionId, filter.sessionId) : undefined,
    filter.ipAddress ? eq(securityEventPersonalData.ipAddress, filter.ipAddress) : undefined,
    isInTime(filter),
  )

/** As the indexes are ordered, to the letter: else every page sorts all that fits. */
const newestFirst = sql`${securityEvents.occurredAt} desc nulls last, ${securityEvents.id} desc nulls last`

/**
 * Whether the events of a page are sought kind by kind: the newest of each that is asked for, in an index of its own, so that
 * few among a million are found as quickly as many. With a user or a session their own index leads to fewer events than that.
 */
const isByKind = ({ types, severities, outcomes, userId, sessionId, ipAddress }: EventFilter): boolean =>
  Boolean(types ?? severities ?? outcomes) && !userId && !sessionId && !ipAddress

/** Each once, however often it was asked for: or its events would be listed as often. */
const anyOf = (values: readonly string[]): SQL => arrayOf([...new Set(values)])

const isAmongNewestOfKind = (filter: EventFilter, isOlder: SQL | undefined, limit: number): SQL => {
  const most = sql.raw(limit.toFixed()) // a parameter would be planned for as a tenth of what there is
  return sql`
  ${securityEvents.id} in (
    select newest.id
    from unnest(${anyOf(filter.types ?? securityEventTypes)}::text[]) as kind (of_type)
    cross join unnest(${anyOf(filter.outcomes ?? outcomes)}::text[]) as result (of_outcome)
    cross join unnest(${anyOf(filter.severities ?? severities)}::text[]) as weight (of_severity)
    cross join lateral (
      select ${securityEvents.id}, ${securityEvents.occurredAt} from ${securityEvents}
      where ${and(
        sql`${securityEvents.type} = of_type and ${securityEvents.outcome} = of_outcome`,
        sql`${securityEvents.severity} = of_severity`,
        isInTime(filter),
        isOlder,
      )}
      order by ${newestFirst} limit ${most}
    ) as newest
    order by newest.occurred_at desc, newest.id desc limit ${most}
  )`
}

/** The security log, as rows. */
export const createEventStore = (db: Db, now: Clock) => ({
  /** Records what happened, in the order given, in one statement. */
  async append(...reports: EventReport[]): Promise<void> {
    await db.execute(sql`with ${eventInsertion(reports, now())} select`)
  },

  /** One page, newest first, of the events that fit the filter and are older than `before`. */
  async page(filter: EventFilter, before: Position | null, limit: number): Promise<SecurityEvent[]> {
    const isOlder = before
      ? sql`(${securityEvents.occurredAt}, ${securityEvents.id}) < (${before.at.toISOString()}::timestamptz, ${before.id}::uuid)`
      : undefined
    const rows = await db
      .select(eventColumns)
      .from(securityEvents)
      .leftJoin(securityEventPersonalData, eq(securityEventPersonalData.eventId, securityEvents.id))
      .where(isByKind(filter) ? isAmongNewestOfKind(filter, isOlder, limit) : and(fitsFilter(filter), isOlder))
      .orderBy(newestFirst)
      .limit(limit)
    return rows.map(eventOf)
  },
})
