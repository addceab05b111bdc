import { randomUUID } from 'node:crypto'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import type { AuthenticationMethod, ClientInfo } from '../sessions/session.ts'
import { type Challenge, type ChallengePurpose, challengeLifetimeSeconds } from './challenge.ts'
import type { ChallengeStore } from './challenge-store.ts'
import type { Factor } from './factor.ts'

export interface ChallengeStores {
  readonly challenges: Pick<ChallengeStore, 'insert'>
}

export interface ChallengeRequest {
  readonly userId: string
  readonly purpose: ChallengePurpose
  readonly sessionId: string | null
  /** What may answer it, preferred first. */
  readonly factors: readonly Factor[]
  readonly proofs: readonly AuthenticationMethod[]
  readonly client: ClientInfo
}

/** A challenge with the factors that may answer it. */
export interface PendingChallenge extends Challenge {
  readonly factors: readonly Factor[]
}

export type OpenChallenge = (stores: ChallengeStores, request: ChallengeRequest) => Promise<PendingChallenge>

/** Opens challenges: each is one act that waits for a code, and is over after ten minutes or five tries. */
export const createOpenChallenge =
  (now: Clock): OpenChallenge =>
  async ({ challenges }, { userId, purpose, sessionId, factors, proofs, client }) => {
    const createdAt = now()
    const challenge = {
      id: randomUUID(), // of its 122 random bits nothing tells when it was made
      userId,
      purpose,
      sessionId,
      factorId: purpose === 'ENROLMENT' ? (factors[0]?.id ?? null) : null,
      proofs,
      attempts: 0,
      createdAt,
      expiresAt: secondsAfter(createdAt, challengeLifetimeSeconds),
    }
    const type = purpose === 'ENROLMENT' ? 'MFA_ENROLMENT_STARTED' : 'MFA_CHALLENGED'
    await challenges.insert(challenge, { type, outcome: 'SUCCESS', userId, sessionId, client, details: { purpose } })
    return { ...challenge, factors }
  }
