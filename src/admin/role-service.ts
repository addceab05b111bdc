import type { Account, Role } from '../accounts/account.ts'
import type { AccountStore } from '../accounts/account-store.ts'
import { type PendingStores, voidPending } from '../accounts/pending-service.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { roleChangedNotice } from '../messaging/notices.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { EndSessions, SessionEndStores } from '../sessions/session-end-service.ts'
import type { ActOnUser } from './act-on-user-service.ts'

interface Stores extends SessionEndStores, PendingStores {
  readonly accounts: Pick<AccountStore, 'changeRole' | 'isLastAdministrator'>
  readonly messages: Pick<MessageStore, 'enqueue'>
}

export interface RoleDeps {
  readonly actOnUser: ActOnUser<Stores>
  readonly endSessions: EndSessions
  readonly keepAccount: (account: Account) => Promise<void>
  readonly wakeMailRelay: () => void
  readonly now: Clock
}

export type SetUserRole = (caller: SignedInCaller, id: string, role: Role, client: ClientInfo) => Promise<Account>

/**
 * Gives a user another role, and ends every session, challenge and mailed token of theirs, the session that asks included where it
 * is their own, so that nothing outlives the rights that it began with; the owner is told by mail. The role that the user has
 * already changes nothing. Of administrators who give up their role at once one is left. Throws NOT_FOUND, and CONFLICT for the last administrator, and
 * for an account that is neither ACTIVE nor SUSPENDED.
 */
export const createSetUserRole =
  ({ actOnUser, endSessions, keepAccount, wakeMailRelay, now }: RoleDeps): SetUserRole =>
  (caller, id, role, client) =>
    actOnUser(caller, id, client, async (stores, user, actorId) => {
      const { accounts, events, messages, afterCommit } = stores
      const userId = user.id
      if (user.role === role) return user
      const isAdministrator = user.role === 'ADMIN' && user.status === 'ACTIVE'
      if (isAdministrator && (await accounts.isLastAdministrator(userId))) throw new AppError('CONFLICT')
      const account = await accounts.changeRole(userId, role)
      if (!account) throw new AppError('CONFLICT')
      const at = now()
      const details = { from: user.role, to: role }
      const about = { userId, actorId, sessionId: caller.session.id, client, details }
      await events.append({ type: 'ROLE_CHANGED', outcome: 'SUCCESS', ...about })
      await endSessions(stores, userId, { except: null }, 'REVOKED_BY_ADMIN', { client, actorId })
      await voidPending(stores, userId, at)
      await messages.enqueue(roleChangedNotice(account.email, details, { at }), at)
      afterCommit(() => keepAccount(account))
      afterCommit(async () => wakeMailRelay())
      return account
    })
