import type { Account } from '../accounts/account.ts'
import type { AccountStore } from '../accounts/account-store.ts'
import { type PendingStores, voidPending } from '../accounts/pending-service.ts'
import type { Transact } from '../db/transact.ts'
import { type DeviceTrustStores, endDeviceTrust } from '../devices/device-trust-service.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import { isId } from '../lib/ids.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { factorRemovedNotice } from '../messaging/notices.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { EndSessions } from '../sessions/session-end-service.ts'
import type { SessionStore } from '../sessions/session-store.ts'
import { type Factor, parseLabel } from './factor.ts'
import type { FactorStore } from './factor-store.ts'
import type { ActAsOwner } from './step-up-service.ts'

interface Stores extends PendingStores, DeviceTrustStores {
  readonly accounts: Pick<AccountStore, 'lock'>
  readonly factors: Pick<
    FactorStore,
    'rename' | 'prefer' | 'remove' | 'listSealed' | 'replaceBackupCodes' | 'setEnabled'
  >
  readonly sessions: Pick<SessionStore, 'endAll'>
  readonly messages: Pick<MessageStore, 'enqueue'>
}

export interface FactorServiceDeps {
  readonly transact: Transact<Stores>
  readonly actAsOwner: ActAsOwner<Stores>
  readonly endSessions: EndSessions
  /** Whether policy obliges the user to keep a factor. */
  readonly mustKeepFactor: (account: Account) => boolean
  readonly keepAccount: (account: Account) => Promise<void>
  readonly wakeMailRelay: () => void
  readonly now: Clock
}

export type FactorService = ReturnType<typeof createFactorService>

/** What users do with the factors that they have. A factor of someone else answers NOT_FOUND, as one that never was. */
export const createFactorService = (deps: FactorServiceDeps) => {
  const { transact, actAsOwner, endSessions, mustKeepFactor, keepAccount, wakeMailRelay, now } = deps

  const found = <T>(factor: T | null): T => {
    if (!factor) throw new AppError('NOT_FOUND')
    return factor
  }

  return {
    /** Throws BAD_USER_INPUT. */
    async rename({ account }: SignedInCaller, id: string, label: string): Promise<Factor> {
      const parsed = parseLabel('label', label, 'Second factor')
      return transact(async ({ factors }) => found(isId(id) ? await factors.rename(account.id, id, parsed) : null))
    },

    /** Under the account's lock, as only one factor can be preferred. */
    async prefer({ account }: SignedInCaller, id: string): Promise<Factor> {
      return transact(async ({ accounts, factors }) => {
        await accounts.lock(account.id)
        return found(isId(id) ? await factors.prefer(account.id, id) : null)
      })
    },

    /**
     * Removes a factor. One that was in force takes every other session, all device trust, and all open challenges and mailed
     * links with it, and the last one the backup codes. Throws STEP_UP_REQUIRED, and CONFLICT when policy obliges the user to keep it.
     */
    async remove(caller: SignedInCaller, id: string, client: ClientInfo): Promise<void> {
      await actAsOwner(caller, client, 'always', async (stores, owner) => {
        const { factors, events, messages, afterCommit } = stores
        const factor = found(isId(id) ? await factors.remove(owner.id, id) : null)
        if (factor.status === 'PENDING') return
        const isLast = (await factors.listSealed(owner.id)).length === 0
        if (isLast && mustKeepFactor(owner)) throw new AppError('CONFLICT')
        const at = now()
        const about = { outcome: 'SUCCESS', userId: owner.id, sessionId: caller.session.id, client } as const
        await events.append({ ...about, type: 'MFA_REMOVED', details: { method: factor.method, factorId: id } })
        if (isLast) {
          await factors.replaceBackupCodes(owner.id, [], at)
          const account = await factors.setEnabled(owner.id, false)
          afterCommit(() => keepAccount(account))
        }
        await voidPending(stores, owner.id, at)
        await endDeviceTrust(stores, about, 'factors changed', at)
        await endSessions(stores, owner.id, { except: caller.session.id }, 'MFA_CHANGED', { client })
        const occasion = { ipAddress: client.ipAddress, at }
        await messages.enqueue(factorRemovedNotice(owner.email, factor.label, occasion), at)
        afterCommit(async () => wakeMailRelay())
      })
    },
  }
}
