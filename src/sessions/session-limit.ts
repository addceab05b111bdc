import type { AuthenticationMethod, Session, SessionTransport } from './session.ts'

/** What becomes of a sign-in by a user who has as many sessions as they may. */
export type SessionLimitPolicy = 'EVICT_OLDEST' | 'DENY' | 'ASK'

export interface SessionLimit {
  readonly mostSessions: number
  readonly policy: SessionLimitPolicy
}

export const ticketLifetimeSeconds = 5 * 60 // time to choose from a short list; it is as good as the proofs behind it

/** A sign-in that is proved, and waits for its user to end a session. */
export interface Ticket {
  readonly userId: string
  readonly proofs: AuthenticationMethod[]
  readonly freshProofAt: Date | null
  readonly passwordVersion: number | null
  readonly trustsDevice: boolean
  readonly transport: SessionTransport
}

/** The session limit's policy is ASK, and it is reached. */
export interface SessionLimitReached {
  readonly kind: 'sessionLimitReached'
  /** Opens a session, once, after one of these is ended: returned this once. */
  readonly ticket: string
  readonly sessions: readonly Session[]
  readonly expiresAt: Date
}
