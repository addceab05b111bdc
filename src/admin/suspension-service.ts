import type { Account } from '../accounts/account.ts'
import type { AccountStore } from '../accounts/account-store.ts'
import { type PendingStores, voidPending } from '../accounts/pending-service.ts'
import { type DeviceTrustStores, endDeviceTrust } from '../devices/device-trust-service.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { reinstatedNotice, suspendedNotice } from '../messaging/notices.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { EndSessions, SessionEndStores } from '../sessions/session-end-service.ts'
import type { ActOnUser } from './act-on-user-service.ts'
import { parseReason } from './reason.ts'

interface Stores extends SessionEndStores, PendingStores, DeviceTrustStores {
  readonly accounts: Pick<AccountStore, 'changeStatus'>
  readonly messages: Pick<MessageStore, 'enqueue'>
}

export interface SuspensionDeps {
  readonly actOnUser: ActOnUser<Stores>
  readonly endSessions: EndSessions
  readonly keepAccount: (account: Account) => Promise<void>
  readonly wakeMailRelay: () => void
  readonly now: Clock
}

export type SuspensionService = ReturnType<typeof createSuspensionService>

/** Accounts that administrators close, and open again. */
export const createSuspensionService = (deps: SuspensionDeps) => {
  const { actOnUser, endSessions, keepAccount, wakeMailRelay, now } = deps

  return {
    /**
     * Closes an ACTIVE account: every session, all device trust, and every open challenge, ticket and mailed token end with
     * it (threat D4), and its owner is told by mail, without the reason. Of two administrators who suspend each other at
     * once one is left. Throws NOT_FOUND, BAD_USER_INPUT, and CONFLICT for the caller's own account or one that is not ACTIVE.
     */
    async suspend(caller: SignedInCaller, id: string, reason: string, client: ClientInfo): Promise<Account> {
      const details = { reason: parseReason('reason', reason) }
      return actOnUser(caller, id, client, async (stores, { id: userId }, actorId) => {
        const { accounts, events, messages, afterCommit } = stores
        if (userId === actorId) throw new AppError('CONFLICT')
        const account = await accounts.changeStatus(userId, { from: 'ACTIVE', to: 'SUSPENDED' })
        if (!account) throw new AppError('CONFLICT')
        const at = now()
        const about = { outcome: 'SUCCESS', userId, actorId, client } as const
        await events.append({ ...about, type: 'ACCOUNT_SUSPENDED', sessionId: caller.session.id, details })
        await endSessions(stores, userId, { except: null }, 'ACCOUNT_SUSPENDED', { client, actorId })
        await endDeviceTrust(stores, about, 'account suspended', at)
        await voidPending(stores, userId, at)
        await messages.enqueue(suspendedNotice(account.email, { at }), at)
        afterCommit(() => keepAccount(account))
        afterCommit(async () => wakeMailRelay())
        return account
      })
    },

    /**
     * Opens a suspended account again, and tells its owner by mail. Nothing comes back: they sign in anew, with the
     * factors that they had. Throws NOT_FOUND, and CONFLICT when the account is not SUSPENDED.
     */
    async reinstate(caller: SignedInCaller, id: string, client: ClientInfo): Promise<Account> {
      return actOnUser(caller, id, client, async (stores, { id: userId }, actorId) => {
        const { accounts, events, messages, afterCommit } = stores
        const account = await accounts.changeStatus(userId, { from: 'SUSPENDED', to: 'ACTIVE' })
        if (!account) throw new AppError('CONFLICT')
        const at = now()
        await voidPending(stores, userId, at) // what was written while the suspension was under way
        const about = { userId, actorId, sessionId: caller.session.id, client }
        await events.append({ type: 'ACCOUNT_REINSTATED', outcome: 'SUCCESS', ...about })
        await messages.enqueue(reinstatedNotice(account.email, { at }), at)
        afterCommit(() => keepAccount(account))
        afterCommit(async () => wakeMailRelay())
        return account
      })
    },
  }
}
