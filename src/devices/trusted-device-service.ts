import type { EventStore } from '../audit/event-store.ts'
import type { Transact } from '../db/transact.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import { isId } from '../lib/ids.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { copiedTrustNotice } from '../messaging/notices.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import { describeDevice } from '../sessions/device.ts'
import type { GateUser } from '../sessions/gate-service.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { DeviceToken, TrustedDevice } from './trusted-device.ts'
import type { TrustedDeviceStore } from './trusted-device-store.ts'

interface Stores {
  readonly trustedDevices: Pick<TrustedDeviceStore, 'revoke' | 'revokeCopied'>
  readonly events: Pick<EventStore, 'append'>
  readonly messages: Pick<MessageStore, 'enqueue'>
}

export interface TrustedDeviceDeps {
  readonly transact: Transact<Stores>
  readonly trustedDevices: Pick<TrustedDeviceStore, 'listLive'>
  readonly wakeMailRelay: () => void
  readonly now: Clock
}

export type TrustedDeviceService = ReturnType<typeof createTrustedDeviceService>

/** Devices whose users need no second factor to sign in. */
export const createTrustedDeviceService = ({ transact, trustedDevices, wakeMailRelay, now }: TrustedDeviceDeps) => ({
  list: ({ account }: SignedInCaller): Promise<TrustedDevice[]> => trustedDevices.listLive(account.id, now()),

  /** Someone else's device answers NOT_FOUND, as does one that never was, or is no longer trusted. */
  async revoke({ account, session }: SignedInCaller, id: string, client: ClientInfo): Promise<TrustedDevice> {
    return transact(async (stores) => {
      const device = isId(id) ? await stores.trustedDevices.revoke(account.id, id, now()) : null
      if (!device) throw new AppError('NOT_FOUND')
      const about = { userId: account.id, sessionId: session.id, client }
      const details = { reason: 'revoked', deviceId: id }
      await stores.events.append({ type: 'DEVICE_TRUST_REVOKED', outcome: 'SUCCESS', ...about, details })
      return device
    })
  },

  /** Ends the trust of a device whose token was used before: either of the two who have it may be a thief. */
  async endCopied({ id: userId, email }: GateUser, token: DeviceToken, client: ClientInfo): Promise<void> {
    await transact(async (stores) => {
      const at = now()
      const device = await stores.trustedDevices.revokeCopied(userId, token, at)
      if (!device) return
      const details = { reason: 'token copied', deviceId: device.id }
      await stores.events.append({ type: 'DEVICE_TRUST_REVOKED', outcome: 'DENIED', userId, client, details })
      const { label } = describeDevice(device.userAgent)
      await stores.messages.enqueue(copiedTrustNotice(email, label, { ipAddress: client.ipAddress, at }), at)
      stores.afterCommit(async () => wakeMailRelay())
    })
  },
})
