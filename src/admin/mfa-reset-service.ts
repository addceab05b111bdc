import type { Account } from '../accounts/account.ts'
import { type PendingStores, voidPending } from '../accounts/pending-service.ts'
import { mfaSubject } from '../budgets/budget.ts'
import type { BudgetStore } from '../budgets/budget-store.ts'
import { type DeviceTrustStores, endDeviceTrust } from '../devices/device-trust-service.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { mfaResetNotice } from '../messaging/notices.ts'
import type { FactorStore } from '../mfa/factor-store.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { EndSessions, SessionEndStores } from '../sessions/session-end-service.ts'
import type { ActOnUser } from './act-on-user-service.ts'
import { parseReason } from './reason.ts'

interface Stores extends SessionEndStores, PendingStores, DeviceTrustStores {
  readonly factors: Pick<FactorStore, 'removeAll' | 'replaceBackupCodes' | 'setEnabled'>
  readonly budgets: Pick<BudgetStore, 'forget'>
  readonly messages: Pick<MessageStore, 'enqueue'>
}

export interface MfaResetDeps {
  readonly actOnUser: ActOnUser<Stores>
  readonly endSessions: EndSessions
  readonly keepAccount: (account: Account) => Promise<void>
  readonly wakeMailRelay: () => void
  readonly now: Clock
}

export type ResetUserMfa = (caller: SignedInCaller, id: string, reason: string, client: ClientInfo) => Promise<Account>

/**
 * Takes every second factor from a user who lost them: those in force, disabled or being enrolled, the backup codes, the
 * lock on wrong codes, every open challenge and mailed token, all device trust and every session. The user signs in with the
 * password alone then, and enrols anew where policy wants it; they are told by mail, without the reason. Whoever answers a challenge at
 * the same time has no session left from it. Throws NOT_FOUND, BAD_USER_INPUT, and CONFLICT for the caller's own account,
 * whose factors go by `removeMfaFactor`, and for one without a second factor.
 */
export const createResetUserMfa =
  ({ actOnUser, endSessions, keepAccount, wakeMailRelay, now }: MfaResetDeps): ResetUserMfa =>
  async (caller, id, reason, client) => {
    const note = parseReason('reason', reason)
    return actOnUser(caller, id, client, async (stores, user, actorId) => {
      const { factors, budgets, events, messages, afterCommit } = stores
      const userId = user.id
      if (userId === actorId || !user.mfaEnabled) throw new AppError('CONFLICT')
      const at = now()
      await voidPending(stores, userId, at)
      const removed = await factors.removeAll(userId)
      await factors.replaceBackupCodes(userId, [], at)
      const account = await factors.setEnabled(userId, false)
      const about = { outcome: 'SUCCESS', userId, actorId, client } as const
      const details = { reason: note, factors: removed }
      await events.append({ ...about, type: 'MFA_RESET', sessionId: caller.session.id, details })
      await endDeviceTrust(stores, about, 'factors changed', at)
      await endSessions(stores, userId, { except: null }, 'MFA_CHANGED', { client, actorId })
      // Last, as whoever claims a try takes the challenge's lock before the budget's.
      await budgets.forget(mfaSubject(userId))
      await messages.enqueue(mfaResetNotice(account.email, { at }), at)
      afterCommit(() => keepAccount(account))
      afterCommit(async () => wakeMailRelay())
      return account
    })
  }
