import type { SecurityEventType } from '../audit/security-event.ts'
import type { Clock } from '../lib/clock.ts'
import { type AskedPeriod, parsePeriod, pointSecondsOf, pointsOf, type SecurityOverview } from './overview.ts'
import type { OverviewStore } from './overview-store.ts'

export type ReadOverview = (asked: AskedPeriod) => Promise<SecurityOverview>

/** Of all that there are; 0 where there are none. */
const rateOf = (part: number, others: number): number => (part + others === 0 ? 0 : part / (part + others))

/** Reads how things stand and what happened in a period. Throws BAD_USER_INPUT. */
export const createReadOverview =
  ({ count, readStanding }: OverviewStore, now: Clock): ReadOverview =>
  async (asked) => {
    const at = now()
    const period = parsePeriod(asked, at)
    const pointSeconds = pointSecondsOf(period)
    const [standing, { byType, points }] = await Promise.all([readStanding(at), count(period, pointSeconds)])
    const countOf = (wanted: SecurityEventType) => byType.find(({ type }) => type === wanted)?.count ?? 0
    const known = new Map(points.map((point) => [point.at.getTime(), point]))
    const empty = { logins: 0, failedLogins: 0, mfaFailures: 0, anomalies: 0 }
    return {
      ...period,
      ...standing,
      mfaAdoptionRate: rateOf(standing.usersWithMfa, standing.users - standing.usersWithMfa),
      mfaVerificationSuccessRate: rateOf(countOf('MFA_SUCCEEDED'), countOf('MFA_FAILED')),
      loginSuccessRate: rateOf(countOf('LOGIN_SUCCEEDED'), countOf('LOGIN_FAILED')),
      eventsByType: byType,
      timeline: pointsOf(period, pointSeconds).map((at) => known.get(at.getTime()) ?? { at, ...empty }),
    }
  }
