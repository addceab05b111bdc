import type { AccountStore } from '../accounts/account-store.ts'
import type { TrustedDeviceStore } from '../devices/trusted-device-store.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import { isId } from '../lib/ids.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { sessionsRevokedNotice } from '../messaging/notices.ts'
import type { ChallengeStore } from '../mfa/challenge-store.ts'
import type { ActAsOwner } from '../mfa/step-up-service.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo, Session } from '../sessions/session.ts'
import type { EndSessions, SessionEndStores } from '../sessions/session-end-service.ts'
import { parseReason } from './reason.ts'

interface Stores extends SessionEndStores {
  readonly accounts: Pick<AccountStore, 'findByIds' | 'lock'>
  readonly trustedDevices: Pick<TrustedDeviceStore, 'revokeAll'>
  readonly challenges: Pick<ChallengeStore, 'voidAll'>
  readonly messages: Pick<MessageStore, 'enqueue'>
}

export interface SessionRevocationDeps {
  readonly actAsOwner: ActAsOwner<Stores>
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

/**
 * Ends every session of a user but the one that asks, all device trust, and every sign-in that is half done, and returns
 * the sessions as they ended; their owner is told by mail where anything ended. Throws NOT_FOUND, BAD_USER_INPUT.
 */
export const createRevokeUserSessions =
  ({ actAsOwner, endSessions, wakeMailRelay, now }: SessionRevocationDeps): RevokeUserSessions =>
  async (caller, id, reason, client) => {
    const note = parseReason('reason', reason)
    return actAsOwner(caller, client, 'always', async (stores, { id: actorId }) => {
      const { accounts, trustedDevices, challenges, events, messages, afterCommit } = stores
      const [known] = isId(id) ? await accounts.findByIds([id]) : []
      if (!known) throw new AppError('NOT_FOUND')
      const user = await accounts.lock(known.id)
      if (!user) return [] // an account that is not ACTIVE has no sessions
      const at = now()
      const by = { client, actorId, note }
      const ended = await endSessions(stores, user.id, { except: caller.session.id }, 'REVOKED_BY_ADMIN', by)
      const devices = await trustedDevices.revokeAll(user.id, at)
      const about = { outcome: 'SUCCESS', userId: user.id, actorId, client } as const
      const details = { reason: 'sessions revoked', devices }
      if (devices > 0) await events.append({ ...about, type: 'DEVICE_TRUST_REVOKED', details })
      await challenges.voidAll(user.id, at)
      if (ended.length + devices > 0) await messages.enqueue(sessionsRevokedNotice(user.email, { at }), at)
      afterCommit(async () => wakeMailRelay())
      return ended
    })
  }
