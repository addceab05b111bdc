import type { RecordEvent } from '../audit/event-recording-service.ts'
import { passwordBudget, secondsUntil } from '../budgets/budget.ts'
import type { BudgetStore } from '../budgets/budget-store.ts'
import type { LockIfSpent, LockStores } from '../budgets/lock-service.ts'
import type { Transact } from '../db/transact.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { AccountStore } from './account-store.ts'
import { parseTypedPassword } from './password.ts'
import type { PasswordHasher } from './password-hasher.ts'

export interface PasswordCheckDeps {
  readonly transact: Transact<LockStores>
  readonly accounts: Pick<AccountStore, 'findCredentials'>
  readonly budgets: Pick<BudgetStore, 'claimAll' | 'release'>
  readonly recordEvent: RecordEvent
  readonly hasher: Pick<PasswordHasher, 'verify'>
  readonly lockIfSpent: LockIfSpent
  readonly now: Clock
}

/** A password as it was typed, and where; and the act that a wrong one is a failure of. */
export interface TypedPassword {
  readonly text: string
  readonly path: string
  readonly act: 'PASSWORD_CHANGED' | 'STEP_UP_SUCCEEDED'
}

export type CheckPassword = (caller: SignedInCaller, typed: TypedPassword, client: ClientInfo) => Promise<number>

/**
 * The one way to check the password of somebody who is signed in; returns which of the account's passwords it is. A try
 * is claimed before it is looked at, over all of the user's sessions, so that a stolen one is no place to guess (threat
 * B9). Throws INVALID_CREDENTIALS, ACCOUNT_LOCKED, BAD_USER_INPUT.
 */
export const createCheckPassword = (deps: PasswordCheckDeps): CheckPassword => {
  const { transact, accounts, budgets, recordEvent, hasher, lockIfSpent, now } = deps

  const fail = (
    { account, session: { id: sessionId } }: SignedInCaller,
    type: TypedPassword['act'],
    subject: string,
    client: ClientInfo,
  ) =>
    transact(async (stores) => {
      const about = { userId: account.id, sessionId, client, details: { reason: 'wrong password' } }
      await stores.events.append({ type, outcome: 'FAILURE', ...about })
      const spent = { subject, budget: passwordBudget, scope: 'password', owner: account, sessionId } as const
      await lockIfSpent(stores, spent, client)
    })

  return async (caller, { text, path, act }, client) => {
    const password = parseTypedPassword(path, text)
    const { account, session } = caller
    const subject = `password of ${account.id} in session`
    const at = now()
    const closedUntil = await budgets.claimAll([{ ...passwordBudget, subject, userId: account.id }], at)
    if (closedUntil) {
      const about = { userId: account.id, sessionId: session.id, client }
      await recordEvent({ type: 'RATE_LIMITED', outcome: 'DENIED', ...about, details: { limit: 'password' } })
      throw new AppError('ACCOUNT_LOCKED', { retryAfterSeconds: secondsUntil(closedUntil, at) })
    }
    const known = await accounts.findCredentials(account.id)
    const isRight = await hasher.verify(known?.passwordHash ?? null, password).catch(async (problem: unknown) => {
      await budgets.release([subject]) // not looked at after all
      throw problem
    })
    if (!known || !isRight) {
      await fail(caller, act, subject, client)
      throw new AppError('INVALID_CREDENTIALS')
    }
    await budgets.release([subject])
    return known.passwordVersion
  }
}
