import type { EventStore } from '../audit/event-store.ts'
import type { Transact } from '../db/transact.ts'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import { newSessionTag } from '../sessions/session-token.ts'
import { type Account, isEmailAddress, type Role } from './account.ts'
import type { AccountStore } from './account-store.ts'
import { normalisePassword, passwordProblems } from './password.ts'

interface Stores {
  readonly accounts: Pick<AccountStore, 'provision'>
  readonly events: Pick<EventStore, 'append'>
}

export interface ProvisioningDeps {
  readonly transact: Transact<Stores>
  readonly hashPassword: (password: string) => Promise<string>
  readonly now: Clock
}

/** What an operator can mend by calling again with other words. */
class ProvisioningError extends Error {}

/**
 * Opens an account on an operator's word, without confirmation by mail. Throws ProvisioningError when the address or the
 * password will not do, or the address has an account.
 */
export const createProvisionAccount =
  ({ transact, hashPassword, now }: ProvisioningDeps) =>
  async (email: string, password: string, role: Role): Promise<Account> => {
    if (!isEmailAddress(email)) throw new ProvisioningError(`"${email}" is not an email address`)
    const normalised = normalisePassword(password)
    const problems = passwordProblems(normalised, [email, email.slice(0, email.indexOf('@'))])
    if (problems.length > 0) throw new ProvisioningError(`This password will not do. ${problems.join(' ')}`)
    const passwordHash = await hashPassword(normalised)
    return transact(async ({ accounts, events }) => {
      const account = await accounts.provision({
        id: newId(),
        email,
        sessionTag: newSessionTag(),
        createdAt: now(),
        passwordHash,
        role,
      })
      if (!account) throw new ProvisioningError(`${email} has an account already`)
      await events.append({
        type: 'ACCOUNT_REGISTERED',
        outcome: 'SUCCESS',
        userId: account.id,
        client: null,
        details: { by: 'operator', role },
      })
      return account
    })
  }
