import { type PendingStores, voidPending } from '../accounts/pending-service.ts'
import { type DeviceTrustStores, endDeviceTrust } from '../devices/device-trust-service.ts'
import type { Clock } from '../lib/clock.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { sessionsRevokedNotice } from '../messaging/notices.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo, Session } from '../sessions/session.ts'
import type { EndSessions, SessionEndStores } from '../sessions/session-end-service.ts'
import type { ActOnUser } from './act-on-user-service.ts'
import { parseReason } from './reason.ts'

interface Stores extends SessionEndStores, PendingStores, DeviceTrustStores {
  readonly messages: Pick<MessageStore, 'enqueue'>
}

export interface SessionRevocationDeps {
  readonly actOnUser: ActOnUser<Stores>
  readonly endSessions: EndSessions
  readonly wakeMailRelay: () => void
  readonly now: Clock
}

export type RevokeUserSessions = (
  caller: SignedInCaller,
  id: string,
  reason: string,
  client: ClientInfo,
) => Promise<Session[]>

const endReason = 'REVOKED_BY_ADMIN'

/**
 * Ends every session of a user but the one that asks, all device trust, every sign-in that is half done and every mailed token,
 * and returns the sessions as they ended; their owner is told by mail where anything ended. The act is recorded with its reason also where
 * it ended no session. Throws NOT_FOUND, BAD_USER_INPUT.
 */
export const createRevokeUserSessions =
  ({ actOnUser, endSessions, wakeMailRelay, now }: SessionRevocationDeps): RevokeUserSessions =>
  async (caller, id, reason, client) => {
    const note = parseReason('reason', reason)
    return actOnUser(caller, id, client, async (stores, user, actorId) => {
      const { events, messages, afterCommit } = stores
      const userId = user.id
      const isActive = user.status === 'ACTIVE'
      const about = { outcome: 'SUCCESS', userId, actorId, client } as const
      const by = { client, actorId, note }
      const ended = isActive ? await endSessions(stores, userId, { except: caller.session.id }, endReason, by) : []
      if (ended.length === 0) {
        const details = { reason: endReason, note, sessions: 0 }
        await events.append({ ...about, type: 'SESSION_REVOKED', sessionId: null, details })
      }
      if (!isActive) return ended // an account that is not ACTIVE has no sessions
      const at = now()
      const devices = await endDeviceTrust(stores, about, 'sessions revoked', at)
      await voidPending(stores, userId, at)
      if (ended.length + devices > 0) await messages.enqueue(sessionsRevokedNotice(user.email, { at }), at)
      afterCommit(async () => wakeMailRelay())
      return ended
    })
  }
