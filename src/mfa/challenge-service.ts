import { randomUUID } from 'node:crypto'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import type { AuthenticationMethod, ClientInfo, SessionTransport } from '../sessions/session.ts'
import { type ChallengePurpose, challengeLifetimeSeconds, factorsFor, type PendingChallenge } from './challenge.ts'
import type { ChallengeStore } from './challenge-store.ts'
import type { Factor } from './factor.ts'
import type { FactorStore } from './factor-store.ts'

export interface ChallengeStores {
  readonly challenges: Pick<ChallengeStore, 'insert'>
  readonly factors: Pick<FactorStore, 'listActive' | 'countBackupCodes'>
}

export interface ChallengeRequest {
  readonly userId: string
  readonly purpose: ChallengePurpose
  readonly sessionId: string | null
  /** The factor whose first code is asked for; only for ENROLMENT. */
  readonly enrolling?: Factor
  readonly proofs: readonly AuthenticationMethod[]
  /** Which of the account's passwords was proved, for LOGIN. */
  readonly passwordVersion?: number | null
  /** How the token of the session that a LOGIN opens is to travel. */
  readonly transport?: SessionTransport
  /** What a PASSWORD_RESET sets. */
  readonly passwordHash?: string
  readonly client: ClientInfo
  /** What was unusual about the sign-in that asks, for the record. */
  readonly findings?: string
}

export type OpenChallenge = (stores: ChallengeStores, request: ChallengeRequest) => Promise<PendingChallenge>

/**
 * Opens challenges: each is one act that waits for a code, and is over after ten minutes or five tries. Where the server
 * has no way to send text messages, `offersSms` is false and no challenge speaks of them.
 */
export const createOpenChallenge =
  ({ offersSms, now }: { offersSms: boolean; now: Clock }): OpenChallenge =>
  async ({ challenges, factors }, request) => {
    const {
      userId,
      purpose,
      sessionId,
      enrolling,
      proofs,
      transport = 'BEARER',
      passwordVersion = null,
      passwordHash = null,
      client,
      findings,
    } = request
    const [active, backupCodes] = enrolling
      ? [[enrolling], new Map<string, number>()]
      : await Promise.all([factors.listActive(userId), factors.countBackupCodes([userId])])
    const createdAt = now()
    const challenge = {
      id: randomUUID(), // of its 122 random bits nothing tells when it was made
      userId,
      purpose,
      sessionId,
      factorId: enrolling?.id ?? null,
      proofs,
      passwordVersion,
      transport,
      attempts: 0,
      smsFactorId: null,
      smsSentAt: null,
      createdAt,
      expiresAt: secondsAfter(createdAt, challengeLifetimeSeconds),
    }
    const type = purpose === 'ENROLMENT' ? 'MFA_ENROLMENT_STARTED' : 'MFA_CHALLENGED'
    const details = { purpose, ...(findings && { findings }) }
    const report = { type, outcome: 'SUCCESS', userId, sessionId, client, details } as const
    await challenges.insert(challenge, passwordHash, report)
    const usable = factorsFor(purpose, active).filter(({ method }) => offersSms || method !== 'SMS')
    return { ...challenge, factors: usable, hasBackupCodes: (backupCodes.get(userId) ?? 0) > 0 }
  }
