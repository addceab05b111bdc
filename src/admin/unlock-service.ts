import type { Account } from '../accounts/account.ts'
import type { EventStore } from '../audit/event-store.ts'
import type { BudgetStore } from '../budgets/budget-store.ts'
import type { Clock } from '../lib/clock.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { unlockedNotice } from '../messaging/notices.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { ActOnUser } from './act-on-user-service.ts'

interface Stores {
  readonly budgets: Pick<BudgetStore, 'clear'>
  readonly events: Pick<EventStore, 'append'>
  readonly messages: Pick<MessageStore, 'enqueue'>
}

export interface UnlockDeps {
  readonly actOnUser: ActOnUser<Stores>
  readonly wakeMailRelay: () => void
  readonly now: Clock
}

export type UnlockUser = (caller: SignedInCaller, id: string, client: ClientInfo) => Promise<Account>

/** Opens every lock on a user's sign-in; a factor that a hundred wrong codes disabled stays so. Throws NOT_FOUND. */
export const createUnlockUser =
  ({ actOnUser, wakeMailRelay, now }: UnlockDeps): UnlockUser =>
  (caller, id, client) =>
    actOnUser(caller, id, client, async ({ budgets, events, messages, afterCommit }, user, actorId) => {
      const at = now()
      const wasLocked = await budgets.clear(user.id, at)
      const about = { userId: user.id, actorId, sessionId: caller.session.id, client, details: { wasLocked } }
      await events.append({ type: 'ACCOUNT_UNLOCKED', outcome: 'SUCCESS', ...about })
      if (wasLocked && user.status === 'ACTIVE') await messages.enqueue(unlockedNotice(user.email, { at }), at)
      afterCommit(async () => wakeMailRelay())
      return user
    })
