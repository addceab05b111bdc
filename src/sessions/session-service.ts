import { type PendingStores, voidPending } from '../accounts/pending-service.ts'
import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { Transact } from '../db/transact.ts'
import { type DeviceTrustStores, endDeviceTrust } from '../devices/device-trust-service.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import { isId } from '../lib/ids.ts'
import type { ActAsOwner } from '../mfa/step-up-service.ts'
import type { SignedInCaller } from './caller.ts'
import type { ClientInfo, Session, SessionEndReason } from './session.ts'
import type { EndSessions, SessionEndStores } from './session-end-service.ts'
import type { EndedToken, SessionStore } from './session-store.ts'

interface Stores extends SessionEndStores, PendingStores, DeviceTrustStores {
  readonly sessions: Pick<SessionStore, 'end' | 'endAll'>
}

export interface SessionServiceDeps {
  readonly transact: Transact<Stores>
  readonly actAsOwner: ActAsOwner<Stores>
  readonly endSessions: EndSessions
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
  ACCOUNT_SUSPENDED: 'SESSION_REVOKED',
  ACCOUNT_ERASED: 'SESSION_REVOKED',
  RISK: 'SESSION_REVOKED',
} as const

/** What users and administrators do with sessions that are there. */
export const createSessionService = (deps: SessionServiceDeps) => {
  const { transact, actAsOwner, endSessions, sessions, recordEvent, tellEnded, now } = deps

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

    async signOut({ session }: Pick<SignedInCaller, 'session'>, client: ClientInfo): Promise<Session> {
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

    /**
     * Ends every session of the caller's but the one that asks, with them all device trust, every sign-in that is half
     * done and every mailed token, and returns them as they ended. Throws SESSION_ENDED when the caller's own was ended meanwhile: of two that end each other, one is left.
     */
    async revokeOthers(caller: SignedInCaller, client: ClientInfo): Promise<Session[]> {
      return actAsOwner(caller, client, 'never', async (stores, owner) => {
        const at = now()
        const about = { userId: owner.id, sessionId: caller.session.id, client }
        await endDeviceTrust(stores, about, 'other sessions revoked', at)
        await voidPending(stores, owner.id, at)
        return endSessions(stores, owner.id, { except: caller.session.id }, 'REVOKED_BY_USER', { client })
      })
    },
  }
}
