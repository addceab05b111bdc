import type { EventStore } from '../audit/event-store.ts'
import type { Transact } from '../db/transact.ts'
import { AppError, badInput } from '../failure.ts'
import type { Admission, Admit, GateStores } from '../sessions/gate-service.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { AccountStore } from './account-store.ts'
import { hasTooManyCharacters, mostCharacters, normalisePassword } from './password.ts'

export interface SignInDeps {
  /** Runs what is one statement, without a transaction around it. */
  readonly alone: Transact<GateStores>
  readonly accounts: Pick<AccountStore, 'findCredentials'>
  readonly recordEvent: EventStore['append']
  readonly verifyPassword: (stored: string | null, password: string) => Promise<boolean>
  readonly admit: Admit
}

export interface SignInForm {
  readonly email: string
  readonly password: string
}

export type SignIn = (form: SignInForm, client: ClientInfo) => Promise<Admission>

/** Signs in with a password, or asks for the second factor. An unknown address costs and answers as a wrong password does. */
export const createSignIn =
  ({ alone, accounts, recordEvent, verifyPassword, admit }: SignInDeps): SignIn =>
  async ({ email, password: typed }, client) => {
    const password = normalisePassword(typed)
    if (hasTooManyCharacters(password)) throw badInput('input.password', `has at most ${mostCharacters} characters`)
    const known = await accounts.findCredentials(email)
    const isRight = await verifyPassword(known?.passwordHash ?? null, password)
    if (!isRight || !known) {
      const userId = known?.account.id ?? null
      const reason = known ? (known.passwordHash ? 'wrong password' : 'address not confirmed') : 'unknown address'
      await recordEvent({ type: 'LOGIN_FAILED', outcome: 'FAILURE', userId, client, details: { reason } })
      throw new AppError('INVALID_CREDENTIALS')
    }
    const request = {
      user: known.account,
      proofs: ['PASSWORD'],
      isFreshProof: true,
      answered: null,
      client,
      reports: [],
    } as const
    return alone((stores) => admit(stores, request))
  }
