import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { EventStore } from '../audit/event-store.ts'
import type { Transact } from '../db/transact.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import { isId } from '../lib/ids.ts'
import type { SignedInCaller } from './caller.ts'
import type { ClientInfo, Session, SessionEndReason } from './session.ts'
import type { EndedToken, SessionStore } from './session-store.ts'

interface Stores {
  readonly sessions: Pick<SessionStore, 'end'>
  readonly events: Pick<EventStore, 'append'>
}

export interface SessionServiceDeps {
  readonly transact: Transact<Stores>
  readonly sessions: Pick<SessionStore, 'find' | 'listLive'>
  readonly recordEvent: RecordEvent
  readonly tellEnded: (tokens: readonly EndedToken[]) => Promise<void>
  readonly now: Clock
}

export type SessionService = ReturnType<typeof createSessionService>

const eventOf = {
  SIGNED_OUT: 'LOGGED_OUT',
  EXPIRED: 'SESSION_EXPIRED',
  IDLE: 'SESSION_EXPIRED',
  REVOKED_BY_USER: 'SESSION_REVOKED',
  REVOKED_BY_ADMIN: 'SESSION_REVOKED',
  PASSWORD_CHANGED: 'SESSION_REVOKED',
  MFA_CHANGED: 'SESSION_REVOKED',
  LIMIT_REACHED: 'SESSION_REVOKED',
  TOKEN_REUSED: 'SESSION_TOKEN_REUSED',
} as const

/** What users and administrators do with sessions that are there. */
export const createSessionService = ({ transact, sessions, recordEvent, tellEnded, now }: SessionServiceDeps) => {
  /** Ends a session once: row, event and announcement in one transaction, then Redis. Null when it was over already. */
  const end = (
    target: Session,
    reason: SessionEndReason,
    client: ClientInfo | null,
    actorId: string | null,
  ): Promise<Session | null> =>
    transact(async (stores) => {
      const ended = await stores.sessions.end(target.id, reason, now())
      if (!ended) return null
      const { userId, id: sessionId } = target
      await stores.events.append({
        type: eventOf[reason],
        outcome: 'SUCCESS',
        userId,
        actorId,
        sessionId,
        client,
        details: { reason },
      })
      stores.afterCommit(() => tellEnded([ended.token]))
      return ended.session
    })

  /** What a session that is over looks like in the record. */
  const recorded = async (id: string): Promise<Session> => {
    const session = await sessions.find(id)
    if (!session) throw new AppError('NOT_FOUND')
    return session
  }

  return {
    listLive: (userId: string): Promise<Session[]> => sessions.listLive(userId, now()),

    /** Records that a session ran out of time. */
    async expire(session: Session, reason: SessionEndReason): Promise<void> {
      await end(session, reason, null, null)
    },

    async signOut({ session }: SignedInCaller, client: ClientInfo): Promise<Session> {
      return (await end(session, 'SIGNED_OUT', client, null)) ?? recorded(session.id)
    },

    /**
     * Ends one of the caller's sessions; an ADMIN may end anyone's. Someone else's answers NOT_FOUND, as does one that
     * never was. Ending it again answers as the first time did, and records nothing.
     */
    async revoke({ account, session }: SignedInCaller, id: string, client: ClientInfo): Promise<Session> {
      const target = isId(id) ? await sessions.find(id) : null
      const isOwn = target?.userId === account.id
      if (!target || !(isOwn || account.role === 'ADMIN')) {
        const details = { field: 'revokeSession', code: 'NOT_FOUND' }
        await recordEvent({
          type: 'ACCESS_DENIED',
          outcome: 'DENIED',
          userId: account.id,
          sessionId: session.id,
          client,
          details,
        })
        throw new AppError('NOT_FOUND')
      }
      if (target.endedAt) return target
      const ended = isOwn
        ? await end(target, 'REVOKED_BY_USER', client, null)
        : await end(target, 'REVOKED_BY_ADMIN', client, account.id)
      return ended ?? recorded(id)
    },
  }
}
