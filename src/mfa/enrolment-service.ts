import type { Transact } from '../db/transact.ts'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { ChallengeStores, OpenChallenge, PendingChallenge } from './challenge-service.ts'
import { type Factor, type MfaMethod, parseLabel } from './factor.ts'
import type { FactorStore } from './factor-store.ts'
import { newSeed, otpauthUri } from './totp.ts'

interface Stores extends ChallengeStores {
  readonly factors: Pick<FactorStore, 'lockOwner' | 'listActive' | 'insertPending'>
}

export interface EnrolmentDeps {
  readonly transact: Transact<Stores>
  readonly isStepUpMissing: (store: Pick<FactorStore, 'listActive'>, caller: SignedInCaller) => Promise<boolean>
  readonly demandStepUp: (caller: SignedInCaller, client: ClientInfo) => Promise<never>
  readonly openChallenge: OpenChallenge
  readonly keys: KeyRing
  readonly now: Clock
}

export interface EnrolmentForm {
  readonly method: MfaMethod
  readonly label?: string | null | undefined
}

/** A factor that waits for its first code. The seed leaves the server here and never again. */
export interface TotpEnrolment {
  readonly kind: 'totpEnrolment'
  readonly factor: Factor
  readonly challenge: PendingChallenge
  readonly secret: string
  readonly otpauthUri: string
}

export type Enrol = (caller: SignedInCaller, form: EnrolmentForm, client: ClientInfo) => Promise<TotpEnrolment>

/** What a factor's seed is bound to: a sealed seed copied to another row does not open. */
export const seedBinding = (userId: string, factorId: string): string => `totp seed of ${factorId} of ${userId}`

/** Starts an enrolment; an unfinished one of the same user is void. Nothing in force changes until its code is verified. */
export const createEnrol =
  ({ transact, isStepUpMissing, demandStepUp, openChallenge, keys, now }: EnrolmentDeps): Enrol =>
  async (caller, { method, label }, client) => {
    const parsedLabel = parseLabel('input.label', label)
    const { account, session } = caller
    const secret = newSeed()
    const id = newId()
    const factor = {
      id,
      userId: account.id,
      method,
      label: parsedLabel,
      status: 'PENDING',
      preferred: false,
      createdAt: now(),
      activatedAt: null,
      lastUsedAt: null,
    } as const
    const challenge = await transact(async (stores) => {
      await stores.factors.lockOwner(account.id)
      // Under the lock: no factor becomes active between this and the commit.
      if (await isStepUpMissing(stores.factors, caller)) return null
      await stores.factors.insertPending({
        ...factor,
        sealedSecret: keys.seal(secret, seedBinding(account.id, id)),
        lastUsedStep: null,
      })
      const { authenticationMethods: proofs } = session
      return openChallenge(stores, {
        userId: account.id,
        purpose: 'ENROLMENT',
        sessionId: session.id,
        factors: [factor],
        proofs,
        client,
      })
    })
    if (!challenge) return demandStepUp(caller, client)
    return { kind: 'totpEnrolment', factor, challenge, secret, otpauthUri: otpauthUri(secret, account.email) }
  }
