import { secondsAfter } from '../lib/clock.ts'
import type { AuthenticationMethod, SessionTransport } from '../sessions/session.ts'
import type { Factor, MfaMethod } from './factor.ts'

export type ChallengePurpose = 'LOGIN' | 'ENROLMENT' | 'STEP_UP' | 'PASSWORD_RESET'

/** One pending act that waits for a code. */
export interface Challenge {
  readonly id: string
  readonly userId: string
  readonly purpose: ChallengePurpose
  readonly sessionId: string | null
  readonly factorId: string | null
  readonly proofs: readonly AuthenticationMethod[]
  /** Which of the account's passwords was proved; null where none was. */
  readonly passwordVersion: number | null
  /** How the token of the session that a LOGIN opens is to travel. */
  readonly transport: SessionTransport
  readonly attempts: number
  readonly smsFactorId: string | null
  readonly smsSentAt: Date | null
  readonly createdAt: Date
  readonly expiresAt: Date
}

/** A challenge with what may answer it. */
export interface PendingChallenge extends Challenge {
  readonly factors: readonly Factor[]
  readonly hasBackupCodes: boolean
}

export const challengeLifetimeSeconds = 10 * 60 // time to fetch a phone, and to set up an app for the first time
export const maxChallengeAttempts = 5
export const maxSmsSends = 5 // to one challenge: the first and four more
export const smsCodeLifetimeSeconds = 5 * 60 // NIST SP 800-63B-4 §3.1.3.2 allows ten minutes
export const resendPauseSeconds = 30 // longer than a text message usually takes

/** When a code may be sent again; null before the first. */
export const resendAvailableAt = ({ smsSentAt }: Pick<Challenge, 'smsSentAt'>): Date | null =>
  smsSentAt && secondsAfter(smsSentAt, resendPauseSeconds)

/** What may answer a challenge, preferred first. */
export const methodsOf = ({ factors, hasBackupCodes }: PendingChallenge): MfaMethod[] => {
  const methods = new Set<MfaMethod>(factors.map((factor) => factor.method))
  return hasBackupCodes ? [...methods, 'BACKUP_CODE'] : [...methods]
}

/**
 * Which of the factors in force may answer. A step-up wants the strongest kind that the user has, as it opens what a
 * stolen number must not (threat B11); sign-in and reset take any.
 */
export const factorsFor = <F extends Factor>(purpose: ChallengePurpose, active: readonly F[]): readonly F[] => {
  const apps = active.filter((factor) => factor.method === 'TOTP')
  return purpose === 'STEP_UP' && apps.length > 0 ? apps : active
}
