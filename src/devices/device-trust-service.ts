import type { EventStore } from '../audit/event-store.ts'
import type { EventReport } from '../audit/security-event.ts'
import type { TrustedDeviceStore } from './trusted-device-store.ts'

export interface DeviceTrustStores {
  readonly trustedDevices: Pick<TrustedDeviceStore, 'revokeAll'>
  readonly events: Pick<EventStore, 'append'>
}

/** Whose devices they are, and who ended the trust. */
type About = Omit<EventReport, 'type' | 'outcome' | 'details' | 'userId'> & { readonly userId: string }

/**
 * Ends the trust of all devices of a user, with one event where there was any, and returns how many there were. In the transaction
 * that holds the user's lock.
 */
export const endDeviceTrust = async (
  { trustedDevices, events }: DeviceTrustStores,
  about: About,
  reason: string,
  at: Date,
): Promise<number> => {
  const devices = await trustedDevices.revokeAll(about.userId, at)
  const details = { reason, devices }
  if (devices > 0) await events.append({ ...about, type: 'DEVICE_TRUST_REVOKED', outcome: 'SUCCESS', details })
  return devices
}
