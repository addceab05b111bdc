import type { EventStore } from '../audit/event-store.ts'
import type { Transact } from '../db/transact.ts'
import { AppError, badInput } from '../failure.ts'
import type { Admission, Admit, GateStores } from '../sessions/gate-service.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { AccountStore } from './account-store.ts'
import { hasTooManyCharacters, mostCharacters, normalisePassword } from './password.ts'

type Stores = Omit<GateStores, 'afterCommit'> & { readonly events: Pick<EventStore, 'append'> }

export interface SignInDeps {
  readonly transact: Transact<Stores>
  readonly accounts: Pick<AccountStore, 'findCredentials'>
  readonly verifyPassword: (stored: string | null, password: string) => Promise<boolean>
  readonly admit: Admit
}

export type SignIn = (
  form: { readonly email: string; readonly password: string },
  client: ClientInfo,
) => Promise<Admission>

/** Signs in with a password, or asks for the second factor. An unknown address costs and answers as a wrong password does. */
export const createSignIn =
  ({ transact, accounts, verifyPassword, admit }: SignInDeps): SignIn =>
  async ({ email, password }, client) => {
    if (hasTooManyCharacters(password)) throw badInput('input.password', `has at most ${mostCharacters} characters`)
    const known = await accounts.findCredentials(email)
    const isRight = await verifyPassword(known?.passwordHash ?? null, normalisePassword(password))
    const userId = known?.account.id ?? null
    if (!isRight || !userId) {
      const reason = known ? (known.passwordHash ? 'wrong password' : 'address not confirmed') : 'unknown address'
      await transact(({ events }) =>
        events.append({ type: 'LOGIN_FAILED', outcome: 'FAILURE', userId, client, details: { reason } }),
      )
      throw new AppError('INVALID_CREDENTIALS')
    }
    return transact((stores) =>
      admit(stores, { userId, proofs: ['PASSWORD'], isFreshProof: true, client, reports: [] }),
    )
  }
