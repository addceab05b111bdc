import type { AccountStore } from '../accounts/account-store.ts'
import type { Transact } from '../db/transact.ts'
import type { Bury, ErasureStores } from './erasure-service.ts'

interface Stores extends ErasureStores {
  readonly accounts: Pick<AccountStore, 'lock' | 'findByIds' | 'isLastAdministrator'>
}

export type Repetition = 'erased' | 'erasedBefore' | 'unknown'

/**
 * Erases an account that was erased before, and is back with a backup: on an operator's word, without a mail. Throws CONFLICT for
 * the last administrator.
 */
export const createRepeatErasure =
  ({ transact, bury }: { readonly transact: Transact<Stores>; readonly bury: Bury }) =>
  (id: string): Promise<Repetition> =>
    transact(async (stores) => {
      await stores.accounts.lock(id)
      const [user] = await stores.accounts.findByIds([id])
      if (!user) return 'unknown'
      if (user.status === 'ERASED') return 'erasedBefore'
      await bury(stores, user, { who: null, report: { client: null, details: { by: 'operator' } }, client: null })
      return 'erased'
    })
