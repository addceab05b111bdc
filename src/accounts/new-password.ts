import { AppError } from '../failure.ts'
import type { Account } from './account.ts'
import { normalisePassword, passwordProblems } from './password.ts'

/** A new password for an account with these names, in the form that is hashed. Throws PASSWORD_REJECTED. */
export const parseNewPassword = (
  typed: string,
  { email, displayName }: Pick<Account, 'email' | 'displayName'>,
): string => {
  const password = normalisePassword(typed)
  const reasons = passwordProblems(password, [email, email.slice(0, email.indexOf('@')), displayName])
  if (reasons.length > 0) throw new AppError('PASSWORD_REJECTED', { reasons })
  return password
}
