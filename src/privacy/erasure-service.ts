import type { Account } from '../accounts/account.ts'
import type { AccountStore } from '../accounts/account-store.ts'
import type { RecoveryStore } from '../accounts/recovery-store.ts'
import type { ActOnUser } from '../admin/act-on-user-service.ts'
import { parseReason } from '../admin/reason.ts'
import type { EventStore } from '../audit/event-store.ts'
import type { EventReport } from '../audit/security-event.ts'
import type { AfterCommit } from '../db/transact.ts'
import type { TrustedDeviceStore } from '../devices/trusted-device-store.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { erasedNotice } from '../messaging/notices.ts'
import type { ActAsOwner } from '../mfa/step-up-service.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { EndSessions, SessionEndStores } from '../sessions/session-end-service.ts'
import { type AccountErased, insistNameless } from './erasure.ts'
import type { ErasureStore } from './erasure-store.ts'

export interface ErasureStores extends SessionEndStores {
  readonly accounts: Pick<AccountStore, 'isLastAdministrator'>
  readonly erasures: Pick<ErasureStore, 'bury'>
  readonly events: Pick<EventStore, 'append'>
  readonly messages: Pick<MessageStore, 'forget' | 'enqueueLast'>
  readonly recovery: Pick<RecoveryStore, 'voidChangesTo'>
  readonly trustedDevices: Pick<TrustedDeviceStore, 'revokeAll'>
}

export interface BuryDeps {
  readonly endSessions: EndSessions
  readonly buryAccount: (account: Account) => Promise<void>
  readonly complete: (userId: string) => Promise<void>
  readonly wakeMailRelay: () => void
  readonly now: Clock
}

/** Who erases, for the log and the mail. */
interface By {
  /** Null: nobody is told. */
  readonly who: string | null
  readonly report: Pick<EventReport, 'actorId' | 'sessionId' | 'client' | 'details'>
  readonly client: ClientInfo | null
}

export type Bury = (stores: ErasureStores & AfterCommit, user: Account, by: By) => Promise<AccountErased>

/**
 * Erases an account in a transaction that holds its lock: nobody signs in to it any more, every session ends, the address is free,
 * its owner is told for the last time, and what it leaves is taken out once that is committed. Throws CONFLICT for the last
 * administrator.
 */
export const createBury =
  ({ endSessions, buryAccount, complete, wakeMailRelay, now }: BuryDeps): Bury =>
  async (stores, user, { who, report, client }) => {
    const { accounts, erasures, events, messages, recovery, trustedDevices, afterCommit } = stores
    const { id, email } = user
    if (user.role === 'ADMIN' && (await accounts.isLastAdministrator(id))) throw new AppError('CONFLICT')
    const at = now()
    const actor = report.actorId ? { actorId: report.actorId } : {}
    await events.append({ type: 'ACCOUNT_ERASED', outcome: 'SUCCESS', userId: id, ...report })
    await endSessions(stores, id, { except: null }, 'ACCOUNT_ERASED', { client, ...actor })
    await trustedDevices.revokeAll(id, at)
    const erased = await erasures.bury(id)
    if (!erased) throw new AppError('CONFLICT')
    await recovery.voidChangesTo(email)
    await messages.forget(id, email)
    if (who) await messages.enqueueLast(erasedNotice(email, { by: who, at }), at)
    afterCommit(() => buryAccount(erased))
    afterCommit(async () => wakeMailRelay())
    afterCommit(() => complete(id))
    return { id, erasedAt: at }
  }

export interface ErasureDeps {
  readonly actAsOwner: ActAsOwner<ErasureStores>
  readonly actOnUser: ActOnUser<ErasureStores>
  readonly bury: Bury
}

export type ErasureService = ReturnType<typeof createErasureService>

/** Accounts that end for good (GDPR Art. 17, threat H8). */
export const createErasureService = ({ actAsOwner, actOnUser, bury }: ErasureDeps) => ({
  /** Of any number at once one does it; the others find their session ended. Throws STEP_UP_REQUIRED, CONFLICT. */
  deleteOwn: (caller: SignedInCaller, client: ClientInfo): Promise<AccountErased> =>
    actAsOwner(caller, client, 'always', (stores, owner) => {
      const report = { sessionId: caller.session.id, client: null } // the event keeps nothing that identifies its owner
      return bury(stores, owner, { who: 'You, or someone with your session,', report, client })
    }),

  /** Throws STEP_UP_REQUIRED, NOT_FOUND, BAD_USER_INPUT, and CONFLICT for the caller, a user who was erased, and the last administrator. */
  async eraseUser(caller: SignedInCaller, id: string, text: string, client: ClientInfo): Promise<AccountErased> {
    const reason = parseReason('reason', text)
    return actOnUser(caller, id, client, async (stores, user, actorId) => {
      if (user.id === actorId) throw new AppError('CONFLICT')
      insistNameless('reason', reason, user)
      const report = { actorId, sessionId: caller.session.id, client, details: { reason } }
      return bury(stores, user, { who: 'An administrator', report, client })
    })
  },
})
