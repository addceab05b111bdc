import type { EventReport } from '../audit/security-event.ts'
import { mfaBudget, mfaSubject } from '../budgets/budget.ts'
import type { LockIfSpent, LockStores } from '../budgets/lock-service.ts'
import type { Transact } from '../db/transact.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import { factorDisabledNotice } from '../messaging/notices.ts'
import type { ClientInfo } from '../sessions/session.ts'
import { maxChallengeAttempts } from './challenge.ts'
import type { ClaimedChallenge } from './challenge-store.ts'
import type { CodeMatch } from './code-match-service.ts'
import { maxFailuresInRow } from './factor.ts'
import type { FactorStore } from './factor-store.ts'

interface Stores extends LockStores {
  readonly factors: Pick<FactorStore, 'countFailure'>
}

export interface VerificationFailureDeps {
  readonly transact: Transact<Stores>
  readonly lockIfSpent: LockIfSpent
  readonly wakeMailRelay: () => void
  readonly now: Clock
}

export type RecordFailure = (
  claimed: ClaimedChallenge,
  match: Pick<CodeMatch, 'method' | 'compared'>,
  reason: 'wrong code' | 'used code',
  client: ClientInfo,
) => Promise<never>

/**
 * Counts a wrong code, in a transaction of its own whatever became of the act: the tenth in a quarter of an hour locks
 * the account's codes, the hundredth in a row disables the factor. Throws MFA_CODE_INVALID.
 */
export const createRecordFailure =
  ({ transact, lockIfSpent, wakeMailRelay, now }: VerificationFailureDeps): RecordFailure =>
  async ({ challenge, user, triesUsed }, { method, compared }, reason, client) => {
    const { userId, sessionId, purpose, attempts } = challenge
    const used = triesUsed ?? mfaBudget.limit
    await transact(async (stores) => {
      const { factors, events, messages } = stores
      const at = now()
      const occasion = { ipAddress: client.ipAddress, at }
      const about = { userId, sessionId, client }
      const reports: EventReport[] = [
        { ...about, type: 'MFA_FAILED', outcome: 'FAILURE', details: { reason, purpose, method } },
      ]
      const disabled = await factors.countFailure(compared.map(({ id }) => id))
      for (const { id: factorId, label } of disabled) {
        const details = { scope: 'factor', factorId }
        reports.push({ ...about, type: 'ACCOUNT_LOCKED', outcome: 'SUCCESS', details })
        await messages.enqueueTo(userId, factorDisabledNotice(user.email, label, maxFailuresInRow, occasion), at)
      }
      await events.append(...reports)
      const spent = { subject: mfaSubject(userId), budget: mfaBudget, scope: 'mfa', owner: user, sessionId } as const
      if (used >= mfaBudget.limit) await lockIfSpent(stores, spent, client)
      if (disabled.length > 0) stores.afterCommit(async () => wakeMailRelay())
    })
    const attemptsRemaining = Math.max(0, Math.min(maxChallengeAttempts - attempts, mfaBudget.limit - used))
    throw new AppError('MFA_CODE_INVALID', { attemptsRemaining })
  }
