import type { Account } from '../accounts/account.ts'
import type { EventReport } from '../audit/security-event.ts'
import type { AfterCommit } from '../db/transact.ts'
import { AppError } from '../failure.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import { CodeReplayed } from '../mfa/challenge.ts'
import type { ChallengeStores, OpenChallenge, PendingChallenge } from '../mfa/challenge-service.ts'
import type { FactorStore } from '../mfa/factor-store.ts'
import type { AdmissionStore, AnsweredChallenge } from './admission-store.ts'
import {
  type AuthenticationMethod,
  type ClientInfo,
  deadlinesFrom,
  elevationSeconds,
  type Session,
  type SessionLimits,
} from './session.ts'
import type { CachedSession } from './session-cache-store.ts'
import type { SessionToken } from './session-token.ts'

export interface GateStores extends ChallengeStores {
  readonly admissions: Pick<AdmissionStore, 'open'>
  readonly factors: Pick<FactorStore, 'listActive'>
}

export interface GateDeps {
  readonly newToken: (tag: string) => SessionToken
  readonly keepNew: (token: SessionToken, cached: CachedSession) => Promise<void>
  readonly openChallenge: OpenChallenge
  readonly limits: SessionLimits
  readonly now: Clock
}

export interface AdmissionRequest {
  readonly user: Pick<Account, 'id' | 'sessionTag'>
  readonly proofs: readonly AuthenticationMethod[]
  /** Whether the user proved it just now, so that it also counts as a step-up. */
  readonly isFreshProof: boolean
  /** The right code that stands for the second factor; null where only the first was proved. */
  readonly answered: AnsweredChallenge | null
  readonly client: ClientInfo
  /** What led here, to be recorded before the session. */
  readonly reports: readonly EventReport[]
}

export type Admission =
  | { readonly kind: 'signedIn'; readonly user: Account; readonly session: Session; readonly sessionToken: string }
  | { readonly kind: 'mfaRequired'; readonly challenge: PendingChallenge }

export type Admit = (stores: GateStores & AfterCommit, request: AdmissionRequest) => Promise<Admission>

/**
 * The one function that makes sessions. Whoever has an active second factor and did not prove one gets a challenge in
 * its place, whatever the way in (ASVS 6.1.3, 6.3.4). Throws CHALLENGE_EXPIRED when the answered challenge is spent, and
 * CodeReplayed when the time step was used before; nothing has changed then.
 */
export const createGate =
  ({ newToken, keepNew, openChallenge, limits, now }: GateDeps): Admit =>
  async (stores, { user: { id: userId, sessionTag }, proofs, isFreshProof, answered, client, reports }) => {
    const createdAt = now()
    const token = newToken(sessionTag)
    const session: Session = {
      id: newId(),
      userId,
      createdAt,
      ...deadlinesFrom(createdAt, null, limits),
      authenticationMethods: proofs,
      elevatedUntil: isFreshProof ? secondsAfter(createdAt, elevationSeconds) : null,
      ...client,
      endedAt: null,
      endReason: null,
    }
    const about = { outcome: 'SUCCESS', userId, sessionId: session.id, client } as const
    const signedIn: EventReport[] = [
      { ...about, type: 'LOGIN_SUCCEEDED', details: { methods: proofs.join(' ') } },
      { ...about, type: 'SESSION_CREATED' },
    ]
    const outcome = await stores.admissions.open({
      session,
      tokenHash: token.hash,
      answered,
      reports: [...reports, ...signedIn],
    })
    if (outcome.kind === 'opened') {
      const user = outcome.account
      stores.afterCommit(() => keepNew(token, { session, account: user }))
      return { kind: 'signedIn', user, session, sessionToken: token.text }
    }
    if (outcome.kind === 'codeReplayed') throw new CodeReplayed()
    if (outcome.kind === 'challengeSpent') throw new AppError('CHALLENGE_EXPIRED')
    const factors = await stores.factors.listActive(userId)
    const challenge = await openChallenge(stores, {
      userId,
      purpose: 'LOGIN',
      sessionId: null,
      factors,
      proofs,
      client,
    })
    return { kind: 'mfaRequired', challenge }
  }
