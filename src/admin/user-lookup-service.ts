import type { Account } from '../accounts/account.ts'
import type { AccountStore } from '../accounts/account-store.ts'
import { AppError } from '../failure.ts'
import { isId } from '../lib/ids.ts'

/** The user whom an administrator names, in whatever state the account is. Throws NOT_FOUND, also for what is no id. */
export const findUser = async (accounts: Pick<AccountStore, 'findByIds'>, id: string): Promise<Account> => {
  const [user] = isId(id) ? await accounts.findByIds([id]) : []
  if (!user) throw new AppError('NOT_FOUND')
  return user
}
