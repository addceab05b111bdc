import { v7 } from 'uuid'
import type { EventReport } from '../audit/security-event.ts'
import { secondsAfter } from '../lib/clock.ts'
import { detailsOf, fastestKmPerHour, policy } from '../risk/policy.ts'
import { kmBetween } from '../risk/sign-in.ts'
import { describeDevice } from '../sessions/device.ts'
import { type ClientInfo, deadlinesFrom, type Session } from '../sessions/session.ts'
import { type Person, places } from './person.ts'
import type { Random } from './random.ts'

export interface TimedReport extends EventReport {
  readonly at: Date
}

/** A person signs in, does this and that, and leaves; or is still there when the story ends. */
export interface Visit {
  readonly reports: readonly TimedReport[]
  readonly session: Session
}

type UnusualType = 'NEW_DEVICE' | 'NEW_LOCATION' | 'IMPOSSIBLE_TRAVEL' | 'SESSION_CONTEXT_CHANGED'

const limits = { idleSeconds: 3_600, absoluteSeconds: 24 * 3_600 }
const often = { mistypes: 0.06, otherDevice: 0.2, travels: 0.008, wrongCode: 0.07, signsOut: 0.4, changes: 0.004 }

/** A visit that begins at an instant, told up to `end`. */
export const visit = (random: Random, person: Person, begin: Date, end: Date): Visit => {
  const { id: userId, factor, home } = person
  const place = random.chance(often.travels) ? random.oneOf(places) : home
  const [usual = '', other = usual] = person.devices
  const client: ClientInfo = {
    ipAddress: place.address,
    userAgent: random.chance(often.otherDevice) ? other : usual,
  }
  const reports: TimedReport[] = []
  let at = begin
  const tell = (afterSeconds: number, report: Omit<EventReport, 'userId' | 'client'>): void => {
    at = secondsAfter(at, afterSeconds + random.below(1000) / 1000)
    reports.push({ userId, client, ...report, at })
  }

  if (random.chance(often.mistypes))
    tell(0, { type: 'LOGIN_FAILED', outcome: 'FAILURE', details: { reason: 'wrong password' } })
  if (factor) {
    const details = { method: factor.method, purpose: 'LOGIN' }
    tell(5, { type: 'MFA_CHALLENGED', outcome: 'SUCCESS', details: { purpose: 'LOGIN' } })
    if (factor.method === 'SMS')
      tell(1, { type: 'MFA_CODE_SENT', outcome: 'SUCCESS', details: { factorId: factor.id } })
    if (random.chance(often.wrongCode))
      tell(12, { type: 'MFA_FAILED', outcome: 'FAILURE', details: { reason: 'wrong code', ...details } })
    tell(15, { type: 'MFA_SUCCEEDED', outcome: 'SUCCESS', details })
  }

  const createdAt = at
  const sessionId = v7({ msecs: createdAt.getTime(), random: random.bytes(16) })
  const about = { outcome: 'SUCCESS', sessionId } as const
  const methods = factor ? (['PASSWORD', factor.method] as const) : (['PASSWORD'] as const)
  tell(0, { ...about, type: 'LOGIN_SUCCEEDED', details: { methods: methods.join(' ') } })
  tell(0, { ...about, type: 'SESSION_CREATED' })
  const unusual = (type: UnusualType, evidence: EventReport['details']) =>
    tell(0, { ...about, type, details: detailsOf([{ rule: type, evidence: evidence ?? {} }], policy[type].follows) })
  if (place.country !== home.country) {
    unusual('NEW_LOCATION', { country: place.country, knownCountries: home.country })
    const hours = 1 + random.below(12)
    const km = Math.round(kmBetween(home.latitude, home.longitude, place.latitude, place.longitude))
    const way = { fromCountry: home.country, country: place.country, km, hours, kmPerHour: Math.round(km / hours) }
    if (way.kmPerHour > fastestKmPerHour) unusual('IMPOSSIBLE_TRAVEL', way)
  }
  if (client.userAgent === other && other !== usual && random.chance(often.wrongCode))
    unusual('NEW_DEVICE', { device: describeDevice(other).label })

  for (let acts = random.below(3); acts > 0; acts--)
    tell(60 + random.below(1_800), { ...about, type: 'ACCESS_TOKEN_ISSUED', details: { audience: 'shop' } })
  if (random.chance(often.changes)) tell(30, { ...about, type: 'PASSWORD_CHANGED' })
  if (random.chance(often.changes)) unusual('SESSION_CONTEXT_CHANGED', { device: describeDevice(usual).label })

  at = secondsAfter(at, 60 + random.below(3_600))
  const lastSeenAt = at < end ? at : end
  const { idleExpiresAt, expiresAt } = deadlinesFrom(
    lastSeenAt,
    secondsAfter(createdAt, limits.absoluteSeconds),
    limits,
  )
  const isSignedOut = random.chance(often.signsOut) && lastSeenAt < end
  const endedAt = isSignedOut ? lastSeenAt : idleExpiresAt < end ? idleExpiresAt : null
  if (isSignedOut) tell(0, { ...about, type: 'LOGGED_OUT' })
  else if (endedAt)
    reports.push({ ...about, type: 'SESSION_EXPIRED', userId, client: null, details: { reason: 'IDLE' }, at: endedAt })
  const session: Session = {
    ...client,
    id: sessionId,
    userId,
    createdAt,
    lastSeenAt,
    idleExpiresAt,
    expiresAt,
    authenticationMethods: methods,
    elevatedUntil: null,
    trustedDevice: false,
    transport: 'COOKIE',
    endedAt,
    endReason: endedAt && (isSignedOut ? 'SIGNED_OUT' : 'IDLE'),
  }
  return { reports: reports.filter((report) => report.at <= end), session }
}
