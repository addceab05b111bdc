import { secondsAfter } from '../lib/clock.ts'

/** A key that access tokens are signed with. Services know it by its public half. */
export interface SigningKey {
  /** The token's `kid`. */
  readonly id: string
  /** One more than that of the key before it. */
  readonly generation: number
  /** Raw Ed25519 public key, base64url: `x` of RFC 8037. */
  readonly publicKey: string
  readonly sealedPrivateKey: string
  readonly createdAt: Date
  readonly signsFrom: Date
  readonly revokedAt: Date | null
}

/** What the private half is bound to: sealed for one id it does not open for another. */
export const signingKeyBinding = (keyId: string): string => `signing key ${keyId}`

export const accessTokenLifetimeSeconds = 5 * 60 // nothing takes a token back, so it must be over soon
export const clockToleranceSeconds = 60 // what clocks may differ by, of servers and of services that verify
export const publicKeysMaxAgeSeconds = 5 * 60
export const publishedAheadSeconds = 15 * 60 // a server may be a minute behind, then a proxy and a client each keep a copy

const newest = (keys: readonly SigningKey[]): SigningKey | undefined =>
  keys.toSorted((a, b) => b.generation - a.generation)[0]

/** When a newer key took over from this one, in milliseconds; Infinity while none has or will. */
const supersededAt = (key: SigningKey, keys: readonly SigningKey[]): number =>
  Math.min(...keys.filter(({ generation }) => generation > key.generation).map(({ signsFrom }) => signsFrom.getTime()))

/** The keys that the world may trust: those that sign, will sign, or signed a token that may still be good. */
export const publishedKeys = (keys: readonly SigningKey[], now: Date): SigningKey[] => {
  const notRevoked = keys.filter(({ revokedAt }) => revokedAt === null)
  const since = secondsAfter(now, -(accessTokenLifetimeSeconds + clockToleranceSeconds)).getTime()
  return notRevoked.filter((key) => supersededAt(key, notRevoked) > since)
}

/**
 * The key to sign with: the newest whose time has come, else the one whose time comes first, as the server that made it
 * may have a faster clock. Undefined when there is none.
 */
export const signingKeyAmong = (keys: readonly SigningKey[], now: Date): SigningKey | undefined =>
  newest(keys.filter(({ signsFrom }) => signsFrom <= now)) ??
  keys.toSorted((a, b) => a.signsFrom.getTime() - b.signsFrom.getTime())[0]

/** When a key made now may sign: once everybody knows it, or at once where no other key can. */
export const nextSignsFrom = (keys: readonly SigningKey[], now: Date): Date =>
  keys.length > 0 ? secondsAfter(now, publishedAheadSeconds) : now

/** Whether it is time for the next key: there is none, or the newest was made so long ago. */
export const isNextKeyDue = (keys: readonly SigningKey[], maxAgeSeconds: number, now: Date): boolean => {
  const key = newest(keys)
  return !key || secondsAfter(key.createdAt, maxAgeSeconds) <= now
}
