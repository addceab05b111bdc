import type { Account, Role } from '../accounts/account.ts'

export type MfaRequirement = 'OPTIONAL' | 'REQUIRED'

/** Whether users of a role must have a second factor, and how long they may put it off. */
export interface MfaPolicy {
  readonly role: Role
  readonly requirement: MfaRequirement
  readonly graceDays: number
  /** Since when it is REQUIRED without a break; null while it is not. */
  readonly requiredSince: Date | null
  /** Null for a policy that nobody has set. */
  readonly updatedAt: Date | null
}

const dayMs = 24 * 3600 * 1000

/** What holds for a role until an administrator says otherwise. */
export const defaultPolicy = (role: Role): MfaPolicy => ({
  role,
  requirement: 'OPTIONAL',
  graceDays: 0,
  requiredSince: null,
  updatedAt: null,
})

/** When the days of grace end, counted from the policy or the account, whichever is newer; null where nothing is owed. */
export const graceEndOf = (
  { requiredSince, graceDays }: MfaPolicy,
  { mfaEnabled, createdAt }: Pick<Account, 'mfaEnabled' | 'createdAt'>,
): Date | null => {
  if (!requiredSince || mfaEnabled) return null
  return new Date(Math.max(requiredSince.getTime(), createdAt.getTime()) + graceDays * dayMs)
}
