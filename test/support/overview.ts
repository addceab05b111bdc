import type { Sql } from 'postgres'
import { v7 } from 'uuid'
import { unsealedChannel } from '../../src/audit/chain-store.ts'
import type { SecurityEventType } from '../../src/audit/security-event.ts'
import type { SecurityOverviewQuery } from './documents.generated.ts'

export interface TimedEvent {
  readonly type: SecurityEventType
  readonly at: Date
}

/** Records events of these times, in one statement; nobody's, and without personal data. */
export const recordEvents = async (sql: Sql, events: readonly TimedEvent[]): Promise<void> => {
  const times = events.map(({ at }) => at.getTime())
  const [first, last] = [Math.min(...times), Math.max(...times)].map((time) => new Date(time).toISOString())
  await sql`SELECT create_security_event_partitions(${first as string}::timestamptz::date, ${last as string}::timestamptz::date)`
  const rows = events.map(({ type, at }) => ({ id: v7({ msecs: at.getTime() }), type, at: at.toISOString() }))
  await sql`
    INSERT INTO security_events (id, type, severity, outcome, occurred_at, personal_digest)
    SELECT id, type, 'INFO', 'SUCCESS', at, ''
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) AS told (id uuid, type text, at timestamptz)`
  await sql.notify(unsealedChannel, '')
}

type Figures = Pick<
  SecurityOverviewQuery['securityOverview'],
  'eventsByType' | 'timeline' | 'loginSuccessRate' | 'mfaVerificationSuccessRate'
>

const anomalies = ['NEW_DEVICE', 'NEW_LOCATION', 'IMPOSSIBLE_TRAVEL', 'CREDENTIAL_STUFFING', 'SESSION_CONTEXT_CHANGED']
const [hourMs, dayMs] = [3_600_000, 24 * 3_600_000]

/** What a period comes to when every event of the log is looked at. */
export const countNaively = async (sql: Sql, from: Date, to: Date): Promise<Figures> => {
  const events = await sql<{ type: SecurityEventType; at: number }[]>`
    SELECT type, (extract(epoch FROM occurred_at) * 1000)::float8 AS at FROM security_events
    WHERE occurred_at >= ${from.toISOString()} AND occurred_at < ${to.toISOString()}`
  const timesOf = (among: readonly { type: string }[], types: readonly string[]) =>
    among.filter(({ type }) => types.includes(type)).length
  const rate = (good: string, bad: string) => timesOf(events, [good]) / timesOf(events, [good, bad]) || 0
  const pointMs = to.getTime() - from.getTime() <= 2 * dayMs ? hourMs : dayMs
  const timeline: Figures['timeline'][number][] = []
  for (let at = from.getTime() - (from.getTime() % pointMs); at < to.getTime(); at += pointMs) {
    const own = events.filter((event) => event.at >= at && event.at < at + pointMs)
    timeline.push({
      at: new Date(at).toISOString(),
      logins: timesOf(own, ['LOGIN_SUCCEEDED']),
      failedLogins: timesOf(own, ['LOGIN_FAILED']),
      mfaFailures: timesOf(own, ['MFA_FAILED']),
      anomalies: timesOf(own, anomalies),
    })
  }
  return {
    eventsByType: [...Map.groupBy(events, ({ type }) => type)]
      .map(([type, own]) => ({ type, count: own.length }))
      .sort((a, b) => b.count - a.count || (a.type < b.type ? -1 : 1)),
    timeline,
    loginSuccessRate: rate('LOGIN_SUCCEEDED', 'LOGIN_FAILED'),
    mfaVerificationSuccessRate: rate('MFA_SUCCEEDED', 'MFA_FAILED'),
  }
}
