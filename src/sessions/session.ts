import { secondsAfter } from '../lib/clock.ts'

export type AuthenticationMethod = 'PASSWORD' | 'TOTP' | 'SMS' | 'BACKUP_CODE'
export type AssuranceLevel = 'AAL1' | 'AAL2'
/** How a session's token travels: in an HttpOnly cookie, or in the Authorization header. */
export type SessionTransport = 'COOKIE' | 'BEARER'
export type SessionEndReason =
  | 'SIGNED_OUT'
  | 'REVOKED_BY_USER'
  | 'REVOKED_BY_ADMIN'
  | 'EXPIRED'
  | 'IDLE'
  | 'PASSWORD_CHANGED'
  | 'MFA_CHANGED'
  | 'LIMIT_REACHED'
  | 'TOKEN_REUSED'
  | 'ACCOUNT_SUSPENDED'
  | 'ACCOUNT_ERASED'
  | 'RISK'

export interface Session {
  readonly id: string
  readonly userId: string
  readonly createdAt: Date
  readonly lastSeenAt: Date
  readonly idleExpiresAt: Date
  readonly expiresAt: Date
  readonly authenticationMethods: readonly AuthenticationMethod[]
  /** Until when a fresh proof by the strongest method counts; null when there was none. */
  readonly elevatedUntil: Date | null
  /** Whether a trusted device stood for the second factor. */
  readonly trustedDevice: boolean
  readonly transport: SessionTransport
  readonly userAgent: string
  readonly ipAddress: string
  readonly endedAt: Date | null
  readonly endReason: SessionEndReason | null
}

/** Where a request comes from, as the session and the audit log record it. */
export interface ClientInfo {
  readonly ipAddress: string
  readonly userAgent: string
}

export interface SessionLimits {
  readonly idleSeconds: number
  readonly absoluteSeconds: number
}

export const elevationSeconds = 5 * 60 // a proof is fresh for five minutes: long enough for a form, short for a thief
export const refreshGraceSeconds = 5 // parallel tabs refresh together; a thief is seldom that quick
export const touchIntervalSeconds = 60 // lastSeenAt may lag by this much, so that reading costs no write a request

/** A new session's stored deadlines (NIST SP 800-63B-4 §2.2.3): idle from the last request, absolute from the start. */
export const deadlinesFrom = (now: Date, absoluteEnd: Date | null, limits: SessionLimits) => {
  const expiresAt = absoluteEnd ?? secondsAfter(now, limits.absoluteSeconds)
  const idle = secondsAfter(now, limits.idleSeconds)
  return { lastSeenAt: now, idleExpiresAt: idle < expiresAt ? idle : expiresAt, expiresAt }
}

/** Why the session is over at `now`, from its stored timestamps alone; null while it is live. */
export const endReasonAt = (session: Session, now: Date): SessionEndReason | null => {
  if (session.endReason) return session.endReason
  if (session.expiresAt <= now) return 'EXPIRED'
  return session.idleExpiresAt <= now ? 'IDLE' : null
}

/** AAL2 once two different factors were proved in this session (NIST SP 800-63B-4 §2.2.1), else AAL1. */
export const assuranceOf = (methods: readonly AuthenticationMethod[]): AssuranceLevel =>
  methods.length > 1 ? 'AAL2' : 'AAL1'

/** Whether a proof in this session is fresh enough to stand for a step-up. */
export const isElevated = (session: Session, now: Date): boolean =>
  session.elevatedUntil !== null && session.elevatedUntil > now

/** Whether `lastSeenAt` lags by so much that it is worth a write. */
export const isTouchDue = (session: Session, now: Date): boolean =>
  secondsAfter(session.lastSeenAt, touchIntervalSeconds) <= now

/** Whether a refreshed token was replaced so lately that a parallel request may still bear it. */
export const isInGrace = ({ replacedAt }: { readonly replacedAt: Date }, now: Date): boolean =>
  secondsAfter(replacedAt, refreshGraceSeconds) > now
