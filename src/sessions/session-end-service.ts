import type { EventStore } from '../audit/event-store.ts'
import type { EventReport } from '../audit/security-event.ts'
import type { AfterCommit } from '../db/transact.ts'
import type { Clock } from '../lib/clock.ts'
import type { ClientInfo, SessionEndReason } from './session.ts'
import type { EndedToken, SessionStore } from './session-store.ts'

interface Stores {
  readonly sessions: Pick<SessionStore, 'endAll'>
  readonly events: Pick<EventStore, 'append'>
}

/** Ends every session of a user but one, in the caller's transaction, and returns how many there were. */
export type EndSessions = (
  stores: Stores & AfterCommit,
  target: { readonly userId: string; readonly exceptSessionId: string | null },
  reason: SessionEndReason,
  client: ClientInfo,
) => Promise<number>

/** Each end is recorded and announced with the commit; from then on the tokens are refused on every server. */
export const createEndSessions =
  ({ tellEnded, now }: { tellEnded: (tokens: readonly EndedToken[]) => Promise<void>; now: Clock }): EndSessions =>
  async ({ sessions, events, afterCommit }, { userId, exceptSessionId }, reason, client) => {
    const ended = await sessions.endAll(userId, exceptSessionId, reason, now())
    if (ended.length === 0) return 0
    const reports = ended.map(
      ({ sessionId }): EventReport => ({
        type: 'SESSION_REVOKED',
        outcome: 'SUCCESS',
        userId,
        sessionId,
        client,
        details: { reason },
      }),
    )
    await events.append(...reports)
    afterCommit(() => tellEnded(ended.map(({ token }) => token)))
    return ended.length
  }
