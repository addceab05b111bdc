import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { KeyRing } from '../lib/key-ring.ts'
import { fingerprint } from '../lib/secret.ts'

const tagBytes = 12
const secretBytes = 32
const checksumBytes = 6
const shape = /^gts_([\w-]{16})[\w-]{43}([\w-]{8})$/

export interface SessionToken {
  /** Returned to its owner once, and stored nowhere. */
  readonly text: string
  readonly tag: string
  readonly hash: string
}

/** A new user's session tag: it names the Redis hash slot of all of the user's sessions and opens nothing. */
export const newSessionTag = (): string => randomBytes(tagBytes).toString('base64url')

/** A new session token: `gts_`, the user's tag, 256 random bits, and a keyed checksum (ASVS 7.2.3, NIST 5.1). */
export const newSessionToken = (tag: string, keys: KeyRing): SessionToken => {
  const body = `gts_${tag}${randomBytes(secretBytes).toString('base64url')}`
  const text = body + checksum(keys.sign(body))
  return { text, tag, hash: fingerprint(text) }
}

/** Reads a token that one of our keys signed; null for anything else. Costs no I/O, so garbage never reaches a store. */
export const parseSessionToken = (text: string, keys: KeyRing): SessionToken | null => {
  const parts = shape.exec(text)
  if (!parts) return null
  const body = text.slice(0, -(parts[2] as string).length)
  const given = Buffer.from(parts[2] as string)
  for (const signature of keys.signatures(body)) {
    if (timingSafeEqual(Buffer.from(checksum(signature)), given)) {
      return { text, tag: parts[1] as string, hash: fingerprint(text) }
    }
  }
  return null
}

const checksum = (signature: Buffer): string => signature.subarray(0, checksumBytes).toString('base64url')
