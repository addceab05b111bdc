import type { KeyRing } from '../lib/key-ring.ts'
import { newSignedToken, newTag, parseSignedToken, type SignedToken } from '../lib/signed-token.ts'

/** A device that may sign in without the second factor. */
export interface TrustedDevice {
  readonly id: string
  readonly userId: string
  readonly userAgent: string
  readonly createdAt: Date
  readonly lastUsedAt: Date
  readonly expiresAt: Date
}

export type DeviceToken = SignedToken

export const trustLifetimeSeconds = 30 * 24 * 3600

const prefix = 'gtd_'

/** The first token of a device that is trusted from now on. */
export const newDeviceToken = (keys: KeyRing): DeviceToken => newSignedToken(prefix, newTag(), keys)

/** The token that replaces one: each is used once, so that a copy gives itself away. */
export const nextDeviceToken = ({ tag }: DeviceToken, keys: KeyRing): DeviceToken => newSignedToken(prefix, tag, keys)

/** Reads a device token that one of our keys signed; null for anything else. */
export const parseDeviceToken = (text: string, keys: KeyRing): DeviceToken | null =>
  parseSignedToken(prefix, text, keys)
