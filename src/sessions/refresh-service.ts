import type { Account } from '../accounts/account.ts'
import type { AccountStore } from '../accounts/account-store.ts'
import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { EventStore } from '../audit/event-store.ts'
import { mfaSubject, secondsUntil } from '../budgets/budget.ts'
import type { BudgetStore } from '../budgets/budget-store.ts'
import type { FloodGuard } from '../budgets/flood-service.ts'
import type { AfterCommit, Transact } from '../db/transact.ts'
import { AppError, failureIn } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import type { SignedInCaller } from './caller.ts'
import type { Admission } from './gate-service.ts'
import { type ClientInfo, deadlinesFrom, isInGrace, type SessionLimits } from './session.ts'
import type { CachedSession } from './session-cache-store.ts'
import { sessionOver } from './session-over-service.ts'
import type { EndedToken, SessionStore } from './session-store.ts'
import type { SessionToken } from './session-token.ts'

interface Stores {
  readonly accounts: Pick<AccountStore, 'lock'>
  readonly budgets: Pick<BudgetStore, 'lockedUntil'>
  readonly sessions: Pick<SessionStore, 'refresh' | 'find' | 'findRefreshed'>
  readonly events: Pick<EventStore, 'append'>
}

export interface RefreshDeps {
  readonly transact: Transact<Stores>
  readonly successorsOf: (token: SessionToken) => SessionToken[]
  readonly isEnrolmentOwed: (account: Account) => boolean
  readonly claimOfUser: FloodGuard['claimOfUser']
  readonly recordEvent: RecordEvent
  readonly keepNew: (token: SessionToken, cached: CachedSession) => Promise<void>
  readonly tellEnded: (tokens: readonly EndedToken[]) => Promise<void>
  readonly limits: SessionLimits
  readonly now: Clock
}

export type RefreshSession = (
  caller: SignedInCaller,
  client: ClientInfo,
) => Promise<Extract<Admission, { kind: 'signedIn' }>>

/**
 * Replaces the token of the caller's session and begins its idle time anew; its absolute end stays. Of any number of calls
 * with one token within a few seconds, all get the same successor and one event says so. The account is looked at as it
 * stands: throws RATE_LIMITED beyond what a user may ask for, ACCOUNT_LOCKED while wrong codes have locked it, MFA_ENROLMENT_REQUIRED where policy wants a factor, and
 * UNAUTHENTICATED when the session or the account is over, or the token was replaced by something else.
 */
export const createRefreshSession = (deps: RefreshDeps): RefreshSession => {
  const { transact, successorsOf, isEnrolmentOwed, claimOfUser, recordEvent, keepNew, tellEnded, limits, now } = deps

  /** A parallel request was first: its token is this one's too. */
  const successorOfParallel = async ({ sessions }: Stores & AfterCommit, { token, session }: SignedInCaller) => {
    const refreshed = await sessions.findRefreshed(token.hash)
    const isUsable = refreshed?.isSuccessorCurrent && !refreshed.session.endedAt && isInGrace(refreshed, now())
    const successor = successorsOf(token).find(({ hash }) => hash === refreshed?.successorHash)
    if (!isUsable || !successor) throw await sessionOver(sessions, session.id)
    return { session: refreshed.session, successor }
  }

  const refresh = (caller: SignedInCaller, client: ClientInfo): ReturnType<RefreshSession> =>
    transact(async (stores) => {
      const { accounts, budgets, sessions, events, afterCommit } = stores
      const { token } = caller
      const user = await accounts.lock(caller.account.id)
      const at = now()
      if (!user) throw await sessionOver(sessions, caller.session.id)
      if (isEnrolmentOwed(user)) throw new AppError('MFA_ENROLMENT_REQUIRED')
      const lockedUntil = await budgets.lockedUntil(mfaSubject(user.id), at)
      if (lockedUntil) throw new AppError('ACCOUNT_LOCKED', { retryAfterSeconds: secondsUntil(lockedUntil, at) })
      const [next] = successorsOf(token) as [SessionToken, ...SessionToken[]]
      const old = { tokenHash: token.hash, sessionTag: token.tag, reason: null }
      const { lastSeenAt, idleExpiresAt } = deadlinesFrom(at, caller.session.expiresAt, limits)
      const deadlines = { tokenHash: next.hash, lastSeenAt, idleExpiresAt }
      const refreshed = await sessions.refresh(caller.session.id, old, deadlines)
      const { session, successor } = refreshed
        ? { session: refreshed, successor: next }
        : await successorOfParallel(stores, caller)
      if (refreshed) {
        const about = { userId: user.id, sessionId: session.id, client }
        await events.append({ type: 'SESSION_REFRESHED', outcome: 'SUCCESS', ...about })
        afterCommit(() => tellEnded([old]))
        afterCommit(() => keepNew(next, { session, account: user }))
      }
      return { kind: 'signedIn', user, session, sessionToken: successor.text, deviceToken: null }
    })

  return async (caller, client) => {
    await claimOfUser('refreshes', caller, client)
    return refresh(caller, client).catch(async (problem: unknown) => {
      const code = failureIn(problem)?.code
      if (code === 'ACCOUNT_LOCKED' || code === 'MFA_ENROLMENT_REQUIRED') {
        const about = { userId: caller.account.id, sessionId: caller.session.id, client, details: { code } }
        await recordEvent({ type: 'SESSION_REFRESHED', outcome: 'DENIED', ...about })
      }
      throw problem
    })
  }
}
