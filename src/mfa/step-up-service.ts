import type { Transact } from '../db/transact.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import { type ClientInfo, isElevated } from '../sessions/session.ts'
import type { ChallengeStores, OpenChallenge, PendingChallenge } from './challenge-service.ts'
import type { Factor } from './factor.ts'
import type { FactorStore } from './factor-store.ts'

export interface StepUpDeps {
  /** Runs what is one statement, on connections that no transaction waits for. */
  readonly alone: Transact<ChallengeStores>
  readonly factors: Pick<FactorStore, 'listActive'>
  readonly openChallenge: OpenChallenge
  readonly now: Clock
}

export type StepUpService = ReturnType<typeof createStepUpService>

/** Asks for a fresh proof, and tells whether one is needed. */
export const createStepUpService = ({ alone, factors, openChallenge, now }: StepUpDeps) => {
  const open = (
    { session, account }: SignedInCaller,
    active: readonly Factor[],
    client: ClientInfo,
  ): Promise<PendingChallenge> =>
    alone((stores) =>
      openChallenge(stores, {
        userId: account.id,
        purpose: 'STEP_UP',
        sessionId: session.id,
        factors: active,
        proofs: session.authenticationMethods,
        client,
      }),
    )

  return {
    /** Starts a step-up. Throws CONFLICT for a user without an active factor. */
    async request(caller: SignedInCaller, client: ClientInfo): Promise<PendingChallenge> {
      const active = await factors.listActive(caller.account.id)
      if (active.length === 0) throw new AppError('CONFLICT')
      return open(caller, active, client)
    },

    /**
     * Whether a change of factors still wants a proof: by the strongest method, not older than five minutes (ASVS 7.5.1).
     * A user without an active factor needs none. `store` may be a transaction's, to ask under its locks.
     */
    async isMissing(store: Pick<FactorStore, 'listActive'>, { account, session }: SignedInCaller): Promise<boolean> {
      const provedFactor = session.authenticationMethods.some((method) => method !== 'PASSWORD')
      if (provedFactor && isElevated(session, now())) return false
      return (await store.listActive(account.id)).length > 0
    },

    /** Throws STEP_UP_REQUIRED with a ready challenge. */
    async demand(caller: SignedInCaller, client: ClientInfo): Promise<never> {
      const active = await factors.listActive(caller.account.id)
      const challenge = await open(caller, active, client)
      throw new AppError('STEP_UP_REQUIRED', {
        methods: active.map((factor) => factor.method),
        challengeId: challenge.id,
      })
    },
  }
}
