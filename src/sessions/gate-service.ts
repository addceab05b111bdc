import type { Account } from '../accounts/account.ts'
import type { AccountStore } from '../accounts/account-store.ts'
import type { EventStore } from '../audit/event-store.ts'
import type { EventReport } from '../audit/security-event.ts'
import type { AfterCommit } from '../db/transact.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import type { ChallengeStores, OpenChallenge, PendingChallenge } from '../mfa/challenge-service.ts'
import type { FactorStore } from '../mfa/factor-store.ts'
import {
  type AuthenticationMethod,
  type ClientInfo,
  deadlinesFrom,
  elevationSeconds,
  type Session,
  type SessionLimits,
} from './session.ts'
import type { CachedSession } from './session-cache-store.ts'
import type { SessionStore } from './session-store.ts'
import type { SessionToken } from './session-token.ts'

export interface GateStores extends ChallengeStores, AfterCommit {
  readonly accounts: Pick<AccountStore, 'recordLogin'>
  readonly factors: Pick<FactorStore, 'listFor'>
  readonly sessions: Pick<SessionStore, 'insert'>
  readonly events: Pick<EventStore, 'append'>
}

export interface GateDeps {
  readonly newToken: (tag: string) => SessionToken
  readonly keepNew: (token: SessionToken, cached: CachedSession) => Promise<void>
  readonly openChallenge: OpenChallenge
  readonly limits: SessionLimits
  readonly now: Clock
}

export interface AdmissionRequest {
  readonly userId: string
  readonly proofs: readonly AuthenticationMethod[]
  /** Whether the user proved it just now, so that it also counts as a step-up. */
  readonly isFreshProof: boolean
  readonly client: ClientInfo
  /** What led here, to be recorded before the session. */
  readonly reports: readonly EventReport[]
}

export type Admission =
  | { readonly kind: 'signedIn'; readonly user: Account; readonly session: Session; readonly sessionToken: string }
  | { readonly kind: 'mfaRequired'; readonly challenge: PendingChallenge }

export type Admit = (stores: GateStores, request: AdmissionRequest) => Promise<Admission>

/**
 * The one function that makes sessions. Whoever has an active second factor and did not prove one gets a challenge in
 * its place, whatever the way in (ASVS 6.1.3, 6.3.4).
 */
export const createGate =
  ({ newToken, keepNew, openChallenge, limits, now }: GateDeps): Admit =>
  async (stores, { userId, proofs, isFreshProof, client, reports }) => {
    const factors = (await stores.factors.listFor([userId])).filter((factor) => factor.status === 'ACTIVE')
    if (factors.length > 0 && !proofs.some((proof) => proof !== 'PASSWORD')) {
      if (reports.length > 0) await stores.events.append(...reports)
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

    const createdAt = now()
    const user = await stores.accounts.recordLogin(userId, createdAt)
    const token = newToken(user.sessionTag)
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
    await Promise.all([
      stores.sessions.insert(session, token.hash),
      stores.events.append(
        ...reports,
        { ...about, type: 'LOGIN_SUCCEEDED', details: { methods: proofs.join(' ') } },
        { ...about, type: 'SESSION_CREATED' },
      ),
    ])
    stores.afterCommit(() => keepNew(token, { session, account: user }))
    return { kind: 'signedIn', user, session, sessionToken: token.text }
  }
