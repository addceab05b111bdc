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
     * Passes a session whose user proved their strongest method within five minutes (ASVS 7.5.1), and any session of a
     * user without a factor. Otherwise throws STEP_UP_REQUIRED with a ready challenge.
     */
    async requireBeforeFactorChange(caller: SignedInCaller, client: ClientInfo): Promise<void> {
      const active = await factors.listActive(caller.account.id)
      const provedFactor = caller.session.authenticationMethods.some((method) => method !== 'PASSWORD')
      if (active.length === 0 || (provedFactor && isElevated(caller.session, now()))) return
      const challenge = await open(caller, active, client)
      throw new AppError('STEP_UP_REQUIRED', {
        methods: active.map((factor) => factor.method),
        challengeId: challenge.id,
      })
    },
  }
}
