import type { Account } from '../accounts/account.ts'
import type { AfterCommit } from '../db/transact.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import type { SignedInCaller } from './caller.ts'
import { type AuthenticationMethod, elevationSeconds, type Session } from './session.ts'
import type { CachedSession } from './session-cache-store.ts'
import { sessionOver } from './session-over-service.ts'
import type { EndedToken, SessionStore } from './session-store.ts'
import type { SessionToken } from './session-token.ts'

export interface TokenRenewalStores {
  readonly sessions: Pick<SessionStore, 'replaceToken' | 'find'>
}

export interface TokenRenewalDeps {
  readonly newToken: (tag: string) => SessionToken
  readonly keepNew: (token: SessionToken, cached: CachedSession) => Promise<void>
  readonly tellEnded: (tokens: readonly EndedToken[]) => Promise<void>
  readonly now: Clock
}

export interface RenewedSession {
  readonly session: Session
  readonly sessionToken: string
}

export type RenewToken = (
  stores: TokenRenewalStores & AfterCommit,
  caller: SignedInCaller,
  /** The account as it is now, which the caller's snapshot may not be. */
  account: Account,
  proof: AuthenticationMethod,
) => Promise<RenewedSession>

/**
 * Adds a fresh proof to the caller's session, under a new token (ASVS 7.2.4): the old one is dead at the commit.
 * Throws SESSION_ENDED when the session ended meanwhile, and UNAUTHENTICATED when another request renewed it.
 */
export const createTokenRenewal =
  ({ newToken, keepNew, tellEnded, now }: TokenRenewalDeps): RenewToken =>
  async ({ sessions, afterCommit }, { session, token: oldToken }, account, proof) => {
    const renewedAt = now()
    const isStrongest = proof !== 'PASSWORD' || !account.mfaEnabled // a password keeps no proof of a factor fresh
    const token = newToken(oldToken.tag)
    const old = { tokenHash: oldToken.hash, sessionTag: oldToken.tag, reason: null }
    const next = {
      tokenHash: token.hash,
      authenticationMethods: [...new Set([...session.authenticationMethods, proof])],
      elevatedUntil: isStrongest ? secondsAfter(renewedAt, elevationSeconds) : session.elevatedUntil,
    }
    const renewed = await sessions.replaceToken(session.id, old, next, renewedAt)
    if (!renewed) throw await sessionOver(sessions, session.id)
    afterCommit(() => tellEnded([old]))
    afterCommit(() => keepNew(token, { session: renewed, account }))
    return { session: renewed, sessionToken: token.text }
  }
