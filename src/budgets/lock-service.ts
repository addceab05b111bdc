import type { Account } from '../accounts/account.ts'
import type { EventStore } from '../audit/event-store.ts'
import type { AfterCommit } from '../db/transact.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { lockedNotice } from '../messaging/notices.ts'
import type { ClientInfo } from '../sessions/session.ts'
import { type Budget, lockSeconds, mailboxBudgets, userSubjects } from './budget.ts'
import type { BudgetStore } from './budget-store.ts'

export interface LockStores {
  readonly budgets: Pick<BudgetStore, 'lock' | 'claimAll'>
  readonly events: Pick<EventStore, 'append'>
  readonly messages: Pick<MessageStore, 'enqueueTo'>
}

export interface SpentBudget {
  readonly subject: string
  readonly budget: Budget
  readonly scope: 'password' | 'mfa'
  /** Null for an unknown address. */
  readonly owner: Pick<Account, 'id' | 'email'> | null
  readonly sessionId: string | null
}

export type LockIfSpent = (stores: LockStores & AfterCommit, spent: SpentBudget, client: ClientInfo) => Promise<void>

/**
 * Closes a budget that is used up, in the transaction that records its last failure: once a lock, with its event and a
 * notice to the owner, of which nobody can set off more than a few a day.
 */
export const createLockIfSpent =
  ({ wakeMailRelay, now }: { wakeMailRelay: () => void; now: Clock }): LockIfSpent =>
  async ({ budgets, events, messages, afterCommit }, { subject, budget, scope, owner, sessionId }, client) => {
    const at = now()
    if (!(await budgets.lock(subject, budget, secondsAfter(at, lockSeconds), at))) return
    const about = { userId: owner?.id ?? null, sessionId, client, details: { scope } }
    await events.append({ type: 'ACCOUNT_LOCKED', outcome: 'SUCCESS', ...about })
    if (!owner) return
    if (await budgets.claimAll([{ ...mailboxBudgets.locks, subject: userSubjects(owner.id).lockNotices }], at)) return
    const occasion = { ipAddress: client.ipAddress, at }
    const what = scope === 'password' ? 'passwords' : 'codes'
    await messages.enqueueTo(owner.id, lockedNotice(owner.email, what, lockSeconds / 60, occasion), at)
    afterCommit(async () => wakeMailRelay())
  }
