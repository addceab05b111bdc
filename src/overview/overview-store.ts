import { type SQL, sql } from 'drizzle-orm'
import type { SecurityEventType } from '../audit/security-event.ts'
import { arrayOf } from '../db/array.ts'
import type { Db } from '../db/client.ts'
import { users } from '../db/tables/accounts.ts'
import { securityEventCounts, securityEvents, unsealedSecurityEvents } from '../db/tables/audit.ts'
import { attemptBudgets } from '../db/tables/budgets.ts'
import { userSessions } from '../db/tables/sessions.ts'
import {
  anomalyTypes,
  beginningOf,
  type EventCount,
  hourSeconds,
  type Period,
  type Standing,
  type TimelinePoint,
} from './overview.ts'

export interface PeriodCounts {
  readonly byType: readonly EventCount[]
  /** In no order, and only where something happened. */
  readonly points: readonly TimelinePoint[]
}

export type OverviewStore = ReturnType<typeof createOverviewStore>

interface CountRow extends Record<string, unknown> {
  /** Milliseconds since 1970, or null in the row of a type. */
  readonly at: number | null
  readonly type: SecurityEventType | null
  readonly count: number
  readonly logins: number
  readonly failedLogins: number
  readonly mfaFailures: number
  readonly anomalies: number
}

const instant = (time: Date): SQL => sql`${time.toISOString()}::timestamptz`
const within = (column: SQL, from: Date, to: Date): SQL =>
  sql`${column} >= ${instant(from)} and ${column} < ${instant(to)}`
const hasOpened = sql`status in ('ACTIVE', 'SUSPENDED')`

/** Figures of the whole installation. */
export const createOverviewStore = (db: Db) => {
  /** Of the log itself: for parts of an hour. */
  const eventsWithin = (from: Date, to: Date): SQL => sql`
    select date_trunc('hour', occurred_at, 'UTC'), type, 1 from ${securityEvents} where ${within(sql`occurred_at`, from, to)}`

  return {
    /**
     * Counts events by type and by point of so many seconds. Whole hours are read from the counters of what is sealed and from
     * the outbox of what is not yet, in one snapshot: no event is missing or counted twice.
     */
    async count({ from, to }: Period, pointSeconds: number): Promise<PeriodCounts> {
      const firstHour = beginningOf(from, hourSeconds, from > beginningOf(from, hourSeconds) ? 1 : 0)
      const end = beginningOf(to, hourSeconds)
      const times = (types: readonly SecurityEventType[]) =>
        sql`coalesce(sum(count) filter (where type = any(${arrayOf(types)}::text[])), 0)::float8`
      const rows = await db.execute<CountRow>(sql`
        with counted as (
          select hour, type, count from ${securityEventCounts} where ${within(sql`hour`, firstHour, end)}
          union all
          select event_hour, event_type, 1 from ${unsealedSecurityEvents} where ${within(sql`event_hour`, firstHour, end)}
          union all ${eventsWithin(from, firstHour < to ? firstHour : to)}
          union all ${eventsWithin(firstHour > end ? firstHour : end, to)}
        ),
        placed as (
          select floor(extract(epoch from hour) / ${pointSeconds}) * ${pointSeconds * 1000} as at, type, count from counted
        )
        select at::float8, type, sum(count)::float8 as count, ${times(['LOGIN_SUCCEEDED'])} as logins,
          ${times(['LOGIN_FAILED'])} as "failedLogins", ${times(['MFA_FAILED'])} as "mfaFailures",
          ${times(anomalyTypes)} as anomalies
        from placed group by grouping sets ((at), (type))
        order by sum(count) desc, type`)
      return {
        byType: rows.flatMap(({ type, count }) => (type === null ? [] : [{ type, count }])),
        points: rows.flatMap(({ at, logins, failedLogins, mfaFailures, anomalies }) =>
          at === null ? [] : [{ at: new Date(at), logins, failedLogins, mfaFailures, anomalies }],
        ),
      }
    },

    /** How things stand at an instant that is now: whoever is PENDING or ERASED is no user. */
    async readStanding(now: Date): Promise<Standing> {
      const [row] = await db.execute<Standing & Record<string, unknown>>(sql`
        select count(*)::float8 as users, count(*) filter (where mfa_enabled)::float8 as "usersWithMfa", (
          select count(*) from ${userSessions}
          where ended_at is null and expires_at > ${instant(now)} and idle_expires_at > ${instant(now)}
        )::float8 as "activeSessions", (
          select count(distinct user_id) from ${attemptBudgets} join ${users} on id = user_id
          where locked_at is not null and window_ends_at > ${instant(now)} and ${hasOpened}
        )::float8 as "lockedAccounts"
        from ${users} where ${hasOpened}`)
      return row as Standing
    },
  }
}
