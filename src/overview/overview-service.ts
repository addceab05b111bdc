import pLimit from 'p-limit'
import type { SecurityEventType } from '../audit/security-event.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import {
  type AskedPeriod,
  type Period,
  parsePeriod,
  pointSecondsOf,
  pointsOf,
  type SecurityOverview,
} from './overview.ts'
import type { OverviewStore } from './overview-store.ts'

export type ReadOverview = (asked: AskedPeriod) => Promise<SecurityOverview>

/** Of all that there are; 0 where there are none. */
const rateOf = (part: number, others: number): number => (part + others === 0 ? 0 : part / (part + others))

const mostAtOnce = 1 // each takes both cores of a small database for a while, and connections that sign-ins need
const mostWaiting = 10
const longestWaitMs = 1_000
const tooMany = () => new AppError('RATE_LIMITED', { retryAfterSeconds: 1 })

/** Reads how things stand and what happened in a period. Throws BAD_USER_INPUT, and RATE_LIMITED while many are being read. */
export const createReadOverview = ({ count, readStanding }: OverviewStore, now: Clock): ReadOverview => {
  const inTurn = pLimit(mostAtOnce)
  const read = async (period: Period): Promise<SecurityOverview> => {
    const pointSeconds = pointSecondsOf(period)
    const [standing, { byType, points }] = await Promise.all([readStanding(now()), count(period, pointSeconds)])
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
  return async (asked) => {
    const period = parsePeriod(asked, now())
    const askedAt = performance.now()
    if (inTurn.pendingCount >= mostWaiting) throw tooMany()
    return inTurn(() => {
      if (performance.now() - askedAt > longestWaitMs) throw tooMany()
      return read(period)
    })
  }
}
