import { type Claim, mailboxBudgets } from '../budgets/budget.ts'
import { emailKeyOf } from './account.ts'

/**
 * One message of a kind to an address that anybody can type, whether or not it has an account. `digest` is keyed: what
 * stands in the database tells nobody which addresses were typed.
 */
export const mailboxClaim = (
  kind: 'confirmations' | 'resets',
  email: string,
  digest: (text: string) => string,
): Claim => ({ ...mailboxBudgets[kind], subject: `${kind} to ${digest(`mailbox ${emailKeyOf(email)}`)}` })
