import type { AfterCommit } from '../db/transact.ts'
import { type DeviceTrustStores, endDeviceTrust } from '../devices/device-trust-service.ts'
import type { Clock } from '../lib/clock.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { passwordChangedNotice } from '../messaging/notices.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { EndSessions } from '../sessions/session-end-service.ts'
import type { SessionStore } from '../sessions/session-store.ts'
import type { Account } from './account.ts'
import type { AccountStore } from './account-store.ts'
import { type PendingStores, voidPending } from './pending-service.ts'

export interface PasswordSettingStores extends PendingStores, DeviceTrustStores {
  readonly accounts: Pick<AccountStore, 'setPassword'>
  readonly sessions: Pick<SessionStore, 'endAll'>
  readonly messages: Pick<MessageStore, 'enqueue'>
}

export interface PasswordSettingDeps {
  readonly endSessions: EndSessions
  readonly wakeMailRelay: () => void
  readonly now: Clock
}

export type SetPassword = (
  stores: PasswordSettingStores & AfterCommit,
  owner: Account,
  passwordHash: string,
  by: { readonly keepSessionId: string | null; readonly client: ClientInfo },
) => Promise<{ readonly account: Account; readonly endedSessions: number }>

/**
 * Sets a new password in a transaction that holds the owner's lock. Every session but one, all device trust, and every
 * open challenge and mailed token end with the old one (threat D4), and the owner is told by mail. Why it was set is the
 * caller's to record.
 */
export const createSetPassword =
  ({ endSessions, wakeMailRelay, now }: PasswordSettingDeps): SetPassword =>
  async (stores, owner, passwordHash, { keepSessionId, client }) => {
    const { accounts, messages, afterCommit } = stores
    const at = now()
    const account = await accounts.setPassword(owner.id, passwordHash)
    const ended = await endSessions(stores, owner.id, { except: keepSessionId }, 'PASSWORD_CHANGED', { client })
    await endDeviceTrust(stores, { userId: owner.id, sessionId: keepSessionId, client }, 'password changed', at)
    await voidPending(stores, owner.id, at)
    await messages.enqueue(passwordChangedNotice(owner.email, { ipAddress: client.ipAddress, at }), at)
    afterCommit(async () => wakeMailRelay())
    return { account, endedSessions: ended.length }
  }
