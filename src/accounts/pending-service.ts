import type { ChallengeStore } from '../mfa/challenge-store.ts'
import type { RecoveryStore } from './recovery-store.ts'

export interface PendingStores {
  readonly challenges: Pick<ChallengeStore, 'voidAll'>
  readonly recovery: Pick<RecoveryStore, 'voidAll'>
}

/**
 * Voids what a user, or a thief with a session of theirs, began and may yet complete: challenges, and mailed links that change the
 * address or the password (threat D4). In the transaction that holds the user's lock.
 */
export const voidPending = async ({ challenges, recovery }: PendingStores, userId: string, at: Date): Promise<void> => {
  await challenges.voidAll(userId, at)
  await recovery.voidAll(userId)
}
