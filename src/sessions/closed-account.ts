import type { Account } from '../accounts/account.ts'
import type { SessionEndReason } from './session.ts'

/** Why no session of an account is live any more, whatever its record says; null where some may be. */
export const endReasonOfClosed = ({ status }: Pick<Account, 'status'>): SessionEndReason | null => {
  if (status === 'SUSPENDED') return 'ACCOUNT_SUSPENDED'
  return status === 'ERASED' ? 'ACCOUNT_ERASED' : null
}
