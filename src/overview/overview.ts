import type { SecurityEventType } from '../audit/security-event.ts'
import { badInput } from '../failure.ts'
import { secondsAfter } from '../lib/clock.ts'
import { isWithinTime } from '../page.ts'

/** From the first instant on, and before the second. */
export interface Period {
  readonly from: Date
  readonly to: Date
}

/** Null and absent: the last 24 hours. */
export type AskedPeriod = { readonly [Key in keyof Period]?: Date | null | undefined }

export interface EventCount {
  readonly type: SecurityEventType
  readonly count: number
}

/** What happened in an hour or a day of UTC, as far as that lies in the period. */
export interface TimelinePoint {
  /** The beginning of the hour or day. */
  readonly at: Date
  readonly logins: number
  readonly failedLogins: number
  readonly mfaFailures: number
  readonly anomalies: number
}

/** How things stand at this moment. */
export interface Standing {
  readonly users: number
  readonly usersWithMfa: number
  readonly activeSessions: number
  readonly lockedAccounts: number
}

export interface SecurityOverview extends Period, Standing {
  readonly mfaAdoptionRate: number
  readonly mfaVerificationSuccessRate: number
  readonly loginSuccessRate: number
  readonly eventsByType: readonly EventCount[]
  readonly timeline: readonly TimelinePoint[]
}

/** What of a sign-in or a session was unusual. */
export const anomalyTypes = [
  'NEW_DEVICE',
  'NEW_LOCATION',
  'IMPOSSIBLE_TRAVEL',
  'CREDENTIAL_STUFFING',
  'SESSION_CONTEXT_CHANGED',
] as const satisfies readonly SecurityEventType[]

export const hourSeconds = 3_600
const daySeconds = 24 * hourSeconds
const longestByHourDays = 2
const longestDays = 366 // a year: as many points as a chart can show

const daysBefore = (instant: Date, days: number): Date => secondsAfter(instant, -days * daySeconds)

/** The beginning of the hour or day of UTC that an instant lies in, or of one so many later. */
export const beginningOf = (instant: Date, seconds: number, later = 0): Date =>
  new Date((Math.floor(instant.getTime() / (seconds * 1000)) + later) * seconds * 1000)

/** What a client asks for: by default up to the end of the running hour, and from a day before. Throws BAD_USER_INPUT. */
export const parsePeriod = ({ from: askedFrom, to: askedTo }: AskedPeriod, now: Date): Period => {
  for (const [name, instant] of Object.entries({ from: askedFrom, to: askedTo })) {
    if (instant && !isWithinTime(instant)) throw badInput(name, 'must be between the years 1970 and 9998')
  }
  const to = askedTo ?? beginningOf(now, hourSeconds, 1)
  const from = askedFrom ?? daysBefore(to, 1)
  if (from >= to)
    throw askedTo ? badInput('to', 'must be later than `from`') : badInput('from', 'must not be in the future')
  if (from < daysBefore(to, longestDays))
    throw badInput('from', `must be at most ${longestDays} days before the end of the period`)
  return { from, to }
}

/** How long a point of the timeline is: an hour up to two days, else a day. */
export const pointSecondsOf = ({ from, to }: Period): number =>
  from < daysBefore(to, longestByHourDays) ? daySeconds : hourSeconds

/** The beginnings of all the hours or days that a period touches. */
export const pointsOf = ({ from, to }: Period, seconds: number): Date[] => {
  const points: Date[] = []
  for (let at = beginningOf(from, seconds); at < to; at = secondsAfter(at, seconds)) points.push(at)
  return points
}
