import type { Account } from '../accounts/account.ts'
import type { AccountStore } from '../accounts/account-store.ts'
import type { AfterCommit } from '../db/transact.ts'
import { AppError } from '../failure.ts'
import { isId } from '../lib/ids.ts'
import type { ActAsOwner } from '../mfa/step-up-service.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'

interface Stores {
  readonly accounts: Pick<AccountStore, 'findByIds'>
}

/**
 * Runs an administrator's act on a user, whatever the state of that account, in a transaction that holds the locks of both.
 * Throws STEP_UP_REQUIRED, SESSION_ENDED, FORBIDDEN when the caller is no administrator any more, NOT_FOUND, also for what is no
 * id, and CONFLICT for a user who was erased. Whatever acts by it throws these too.
 */
export type ActOnUser<All> = <T>(
  caller: SignedInCaller,
  id: string,
  client: ClientInfo,
  work: (stores: All & AfterCommit, user: Account, actorId: string) => Promise<T>,
) => Promise<T>

export const createActOnUser =
  <All extends Stores>(actAsOwner: ActAsOwner<All>): ActOnUser<All> =>
  (caller, id, client, work) => {
    const namedId = isId(id) ? id : undefined
    return actAsOwner(
      caller,
      client,
      'always',
      async (stores, actor) => {
        if (actor.role !== 'ADMIN') throw new AppError('FORBIDDEN') // since the request began
        const [user] = namedId ? await stores.accounts.findByIds([namedId]) : []
        if (!user) throw new AppError('NOT_FOUND')
        if (user.status === 'ERASED') throw new AppError('CONFLICT')
        return work(stores, user, actor.id)
      },
      namedId,
    )
  }
