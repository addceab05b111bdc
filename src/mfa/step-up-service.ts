import type { Account } from '../accounts/account.ts'
import type { AccountStore } from '../accounts/account-store.ts'
import type { AfterCommit, Transact } from '../db/transact.ts'
import { AppError } from '../failure.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import { type ClientInfo, isElevated, type Session } from '../sessions/session.ts'
import { sessionOver } from '../sessions/session-over-service.ts'
import type { SessionStore } from '../sessions/session-store.ts'
import { methodsOf, type PendingChallenge } from './challenge.ts'
import type { ChallengeStores, OpenChallenge } from './challenge-service.ts'

interface Stores {
  readonly accounts: Pick<AccountStore, 'lock'>
  readonly sessions: Pick<SessionStore, 'isLive' | 'find'>
}

export interface StepUpDeps<All extends Stores> {
  readonly transact: Transact<All>
  /** Runs what is one statement, on connections that no transaction waits for. */
  readonly alone: Transact<ChallengeStores>
  readonly openChallenge: OpenChallenge
  readonly now: Clock
}

/**
 * Whether an act wants a fresh proof of everybody, only of those who have a second factor, or of nobody. The enrolment of
 * a first factor wants a session that is young at least: a stale one that was stolen must not shut its owner out.
 */
export type ProofNeed = 'always' | 'onceEnrolled' | 'forEnrolment' | 'never'

/**
 * Runs an act in a transaction that holds the lock of the caller's account, and only if the session bears a
 * fresh proof as the account stands under that lock. Throws STEP_UP_REQUIRED, with a ready challenge where there is a
 * factor, SESSION_ENDED when the session ended meanwhile, and UNAUTHENTICATED when its token was replaced.
 */
export type ActAsOwner<All> = <T>(
  caller: SignedInCaller,
  client: ClientInfo,
  need: ProofNeed,
  work: (stores: All & AfterCommit, owner: Account) => Promise<T>,
  /** The id of another account that the act changes: it is locked too. */
  actsOn?: string,
) => Promise<T>

export interface StepUp {
  /** Starts a step-up. Throws CONFLICT for a user without a second factor. */
  request(caller: SignedInCaller, client: ClientInfo): Promise<PendingChallenge>
  /** Throws STEP_UP_REQUIRED where a fresh proof is missing, as far as the caller's snapshot tells. */
  require(caller: SignedInCaller, client: ClientInfo, need: ProofNeed): Promise<void>
}

export interface StepUpService<All> extends StepUp {
  readonly actAsOwner: ActAsOwner<All>
}

export const youngSessionSeconds = 15 * 60 // time to confirm an address and set up an app

/** A proof by the strongest that the user has, not older than five minutes (ASVS 7.5.1). */
const isProofMissing = (session: Session, mfaEnabled: boolean, need: ProofNeed, now: Date): boolean => {
  if (need === 'never') return false
  if (!mfaEnabled) {
    if (need === 'onceEnrolled' || isElevated(session, now)) return false
    return need === 'always' || secondsAfter(session.createdAt, youngSessionSeconds) <= now
  }
  const provedFactor = session.authenticationMethods.some((method) => method !== 'PASSWORD')
  return !(provedFactor && isElevated(session, now))
}

class ProofMissing extends Error {}

/** Asks for a fresh proof, and lets sensitive acts pass that have one. */
export const createStepUpService = <All extends Stores>({
  transact,
  alone,
  openChallenge,
  now,
}: StepUpDeps<All>): StepUpService<All> => {
  const open = ({ session, account }: SignedInCaller, client: ClientInfo): Promise<PendingChallenge> => {
    const { authenticationMethods: proofs } = session
    return alone((stores) =>
      openChallenge(stores, { userId: account.id, purpose: 'STEP_UP', sessionId: session.id, proofs, client }),
    )
  }

  const demand = async (caller: SignedInCaller, client: ClientInfo, mfaEnabled: boolean): Promise<never> => {
    if (!mfaEnabled) throw new AppError('STEP_UP_REQUIRED', { methods: ['PASSWORD'] })
    const challenge = await open(caller, client)
    throw new AppError('STEP_UP_REQUIRED', { methods: methodsOf(challenge), challengeId: challenge.id })
  }

  return {
    async request(caller, client) {
      if (!caller.account.mfaEnabled) throw new AppError('CONFLICT')
      return open(caller, client)
    },

    async require(caller, client, need) {
      const { session, account } = caller
      if (isProofMissing(session, account.mfaEnabled, need, now())) await demand(caller, client, account.mfaEnabled)
    },

    async actAsOwner(caller, client, need, work, actsOn) {
      let mfaEnabled = caller.account.mfaEnabled
      try {
        return await transact(async (stores) => {
          const owner = await stores.accounts.lock(caller.account.id, actsOn)
          // Asked under the lock, which whatever ends all sessions holds too.
          const isLive = owner && (await stores.sessions.isLive(caller.session.id, caller.token.hash))
          if (!owner || !isLive) throw await sessionOver(stores.sessions, caller.session.id)
          mfaEnabled = owner.mfaEnabled
          if (isProofMissing(caller.session, mfaEnabled, need, now())) throw new ProofMissing()
          return work(stores, owner)
        })
      } catch (problem) {
        if (problem instanceof ProofMissing) return demand(caller, client, mfaEnabled)
        throw problem
      }
    },
  }
}
