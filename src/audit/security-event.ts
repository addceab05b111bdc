import { hash } from 'node:crypto'
import type { ClientInfo } from '../sessions/session.ts'

export const severities = ['INFO', 'WARNING', 'CRITICAL'] as const
export type Severity = (typeof severities)[number]
export const outcomes = ['SUCCESS', 'FAILURE', 'DENIED'] as const
export type Outcome = (typeof outcomes)[number]

export const securityEventTypes = [
  'ACCOUNT_REGISTERED',
  'EMAIL_CONFIRMED',
  'EMAIL_CHANGED',
  'ACCOUNT_SUSPENDED',
  'ACCOUNT_REINSTATED',
  'ACCOUNT_LOCKED',
  'ACCOUNT_UNLOCKED',
  'ACCOUNT_ERASED',
  'ROLE_CHANGED',
  'LOGIN_SUCCEEDED',
  'LOGIN_FAILED',
  'LOGGED_OUT',
  'PASSWORD_CHANGED',
  'PASSWORD_RESET_REQUESTED',
  'PASSWORD_RESET_COMPLETED',
  'MFA_ENROLMENT_STARTED',
  'MFA_ENROLLED',
  'MFA_REMOVED',
  'MFA_RESET',
  'MFA_CHALLENGED',
  'MFA_SUCCEEDED',
  'MFA_FAILED',
  'MFA_CODE_SENT',
  'BACKUP_CODES_GENERATED',
  'BACKUP_CODE_USED',
  'STEP_UP_SUCCEEDED',
  'SESSION_CREATED',
  'SESSION_REFRESHED',
  'SESSION_REVOKED',
  'SESSION_EXPIRED',
  'SESSION_TOKEN_REUSED',
  'DEVICE_TRUSTED',
  'DEVICE_TRUST_REVOKED',
  'ACCESS_DENIED',
  'RATE_LIMITED',
  'NEW_DEVICE',
  'NEW_LOCATION',
  'IMPOSSIBLE_TRAVEL',
  'CREDENTIAL_STUFFING',
  'SESSION_CONTEXT_CHANGED',
  'CONSENT_RECORDED',
  'CONSENT_WITHDRAWN',
  'DATA_EXPORTED',
  'POLICY_CHANGED',
  'AUDIT_VERIFIED',
  'ACCESS_TOKEN_ISSUED',
  'DATABASE_RESTORED',
] as const
export type SecurityEventType = (typeof securityEventTypes)[number]
/** Flat facts about an event. Never a secret, code, token or password. */
export type EventDetails = Readonly<Record<string, string | number | boolean>>

/** What happened, as the code that made it happen tells it. */
export interface EventReport {
  readonly type: SecurityEventType
  readonly outcome: Outcome
  /** Whom it is about; null where the account is unknown. */
  readonly userId: string | null
  /** Who did it, when not the user themselves. */
  readonly actorId?: string | null
  readonly sessionId?: string | null
  /** Null where no request caused it. */
  readonly client: ClientInfo | null
  readonly details?: EventDetails
}

export interface SecurityEvent {
  readonly id: string
  readonly type: SecurityEventType
  readonly severity: Severity
  readonly outcome: Outcome
  readonly occurredAt: Date
  readonly userId: string | null
  readonly actorId: string | null
  readonly sessionId: string | null
  readonly ipAddress: string | null
  readonly userAgent: string | null
  readonly details: EventDetails
}

/** Who uses a stolen or guessed credential shows up here first, or in what gives an account to somebody, or rights to an account. */
const worthALook: ReadonlySet<SecurityEventType> = new Set([
  'ACCESS_DENIED',
  'ACCOUNT_LOCKED',
  'IMPOSSIBLE_TRAVEL',
  'LOGIN_FAILED',
  'MFA_FAILED',
  'MFA_RESET',
  'NEW_DEVICE',
  'NEW_LOCATION',
  'RATE_LIMITED',
  'ROLE_CHANGED',
  'SESSION_CONTEXT_CHANGED',
])

/** A thief has something or is about to, or much was lost. */
const urgent: ReadonlySet<SecurityEventType> = new Set([
  'CREDENTIAL_STUFFING',
  'DATABASE_RESTORED', // what happened since the backup is not in the log
  'SESSION_TOKEN_REUSED', // one of the two who have the token stole it
])

/** How soon someone should look at an event. */
export const severityOf = ({ type, outcome }: Pick<EventReport, 'type' | 'outcome'>): Severity => {
  if (urgent.has(type)) return 'CRITICAL'
  if (type === 'AUDIT_VERIFIED' && outcome === 'FAILURE') return 'CRITICAL' // somebody was at the log
  return worthALook.has(type) ? 'WARNING' : 'INFO'
}

/** The fact of an event that an administrator wrote, where one did. */
const administratorsWords: Partial<Record<SecurityEventType, string>> = {
  ACCOUNT_SUSPENDED: 'reason',
  MFA_RESET: 'reason',
  ACCOUNT_ERASED: 'reason',
  SESSION_REVOKED: 'note',
}

/** The facts of an event without what an administrator wrote: that may name other people, or how they were found out. */
const withoutAdministratorsWords = ({ type, details }: SecurityEvent): EventDetails =>
  Object.fromEntries(Object.entries(details).filter(([name]) => name !== administratorsWords[type]))

/** What the user may see of an act on their account that was somebody else's: not who did it, nor from where, nor in which session. */
export const withoutActor = (event: SecurityEvent): SecurityEvent => ({
  ...event,
  actorId: null,
  ipAddress: null,
  userAgent: null,
  sessionId: event.type === 'SESSION_REVOKED' ? event.sessionId : null, // that one is the user's own
  details: withoutAdministratorsWords(event),
})

export interface PersonalData {
  readonly salt: string
  readonly ipAddress: string | null
  readonly userAgent: string | null
  readonly details: EventDetails
}

/** Binds the personal data to its event. Salted, so that nothing can be guessed from it once the data is erased. */
export const personalDigestOf = ({ salt, ipAddress, userAgent, details }: PersonalData): string =>
  hash('sha256', JSON.stringify([salt, ipAddress, userAgent, Object.entries(details).toSorted()]))
