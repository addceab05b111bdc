import type { EventDetails, Outcome, SecurityEventType } from '../audit/security-event.ts'
import type { SessionEndReason } from '../sessions/session.ts'

/** An event as it was sealed; with its details where they are counted. */
export interface SealedEvent {
  readonly type: SecurityEventType
  readonly outcome: Outcome
  readonly sessionId: string | null
  readonly details: EventDetails | null
}

const codeChecks: readonly SecurityEventType[] = ['MFA_SUCCEEDED', 'MFA_FAILED']
const repeatable: readonly SecurityEventType[] = ['ACCESS_DENIED', 'RATE_LIMITED']
const methods: readonly unknown[] = ['PASSWORD', 'TOTP', 'SMS', 'BACKUP_CODE']
const endings: readonly SecurityEventType[] = [
  'LOGGED_OUT',
  'SESSION_EXPIRED',
  'SESSION_REVOKED',
  'SESSION_TOKEN_REUSED',
]

/** The events whose details are counted: of no others are they read for it. */
export const countedByDetails: readonly SecurityEventType[] = [...codeChecks, ...repeatable, ...endings]

const endReasons: Readonly<Record<SessionEndReason, true>> = {
  SIGNED_OUT: true,
  REVOKED_BY_USER: true,
  REVOKED_BY_ADMIN: true,
  EXPIRED: true,
  IDLE: true,
  PASSWORD_CHANGED: true,
  MFA_CHANGED: true,
  LIMIT_REACHED: true,
  TOKEN_REUSED: true,
  ACCOUNT_SUSPENDED: true,
  ACCOUNT_ERASED: true,
  RISK: true,
}

/** How often it happened: of a refusal that was repeated, one event tells. */
export const timesOf = ({ details }: SealedEvent): number => {
  const repeats = Number(details?.repeats)
  return repeats >= 1 ? repeats : 1
}

/** The method of the code that was checked; undefined where none was, NONE where no challenge was open. */
export const methodOf = ({ type, details }: SealedEvent): string | undefined => {
  if (!codeChecks.includes(type)) return undefined
  return methods.includes(details?.method) ? String(details?.method) : 'NONE'
}

/** Why a session ended with it; undefined where none did, OTHER where that was erased already. */
export const endReasonOf = ({ type, sessionId, details }: SealedEvent): string | undefined => {
  if (!endings.includes(type) || sessionId === null) return undefined
  const reason = String(details?.reason)
  return Object.hasOwn(endReasons, reason) ? reason : 'OTHER'
}
