import type { AuthenticationMethod } from '../sessions/session.ts'

export type ChallengePurpose = 'LOGIN' | 'ENROLMENT' | 'STEP_UP'

/** One pending act that waits for a code. */
export interface Challenge {
  readonly id: string
  readonly userId: string
  readonly purpose: ChallengePurpose
  readonly sessionId: string | null
  readonly factorId: string | null
  readonly proofs: readonly AuthenticationMethod[]
  readonly attempts: number
  readonly createdAt: Date
  readonly expiresAt: Date
}

/** A right code that was accepted before. It undoes the transaction it is thrown in, and never reaches a client. */
export class CodeReplayed extends Error {}

export const challengeLifetimeSeconds = 10 * 60 // time to fetch a phone, and to set up an app for the first time
export const maxChallengeAttempts = 5
