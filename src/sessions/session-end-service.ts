import type { EventStore } from '../audit/event-store.ts'
import type { EventReport } from '../audit/security-event.ts'
import type { AfterCommit } from '../db/transact.ts'
import type { Clock } from '../lib/clock.ts'
import type { ClientInfo, Session, SessionEndReason } from './session.ts'
import type { EndedToken, SessionChoice, SessionStore } from './session-store.ts'

export interface SessionEndStores {
  readonly sessions: Pick<SessionStore, 'endAll'>
  readonly events: Pick<EventStore, 'append'>
}

/**
 * Ends live sessions of a user, in the caller's transaction, and returns them as they ended. Those that had run out of time
 * end for that, and are not among them.
 */
export type EndSessions = (
  stores: SessionEndStores & AfterCommit,
  userId: string,
  which: SessionChoice,
  reason: SessionEndReason,
  /** `note` is what an administrator gives as their reason. */
  by: { readonly client: ClientInfo | null; readonly actorId?: string; readonly note?: string },
) => Promise<Session[]>

/** Each end is recorded and announced with the commit; from then on the tokens are refused on every server. */
export const createEndSessions =
  ({ tellEnded, now }: { tellEnded: (tokens: readonly EndedToken[]) => Promise<void>; now: Clock }): EndSessions =>
  async ({ sessions, events, afterCommit }, userId, which, reason, { note, ...by }) => {
    const ended = await sessions.endAll(userId, which, reason, now())
    if (ended.length === 0) return []
    const details = { reason, ...(note && { note }) }
    const reports = ended.map(({ session: { id: sessionId, endReason } }): EventReport => {
      const about = { outcome: 'SUCCESS', userId, sessionId } as const
      return endReason === reason
        ? { ...about, ...by, type: 'SESSION_REVOKED', details }
        : { ...about, type: 'SESSION_EXPIRED', client: null, details: { reason: String(endReason) } }
    })
    await events.append(...reports)
    afterCommit(() => tellEnded(ended.map(({ token }) => token)))
    return ended.map(({ session }) => session).filter(({ endReason }) => endReason === reason)
  }
