import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { KeyRing } from './key-ring.ts'
import { fingerprint } from './secret.ts'

const tagBytes = 12
const secretBytes = 32
const checksumBytes = 6
const shape = /^(\w{3}_)([\w-]{16})[\w-]{43}([\w-]{8})$/

/** A secret that names what it belongs to. */
export interface SignedToken {
  /** Returned to its owner once, and stored nowhere. */
  readonly text: string
  /** A random value of its owner's, which opens nothing. */
  readonly tag: string
  readonly hash: string
}

export const newTag = (): string => randomBytes(tagBytes).toString('base64url')

/** A new token: `prefix` (three letters and _), the tag, 256 random bits, and a keyed checksum (ASVS 7.2.3, NIST 5.1). */
export const newSignedToken = (prefix: string, tag: string, keys: KeyRing): SignedToken =>
  signedToken(prefix, tag, randomBytes(secretBytes), keys)

/**
 * The tokens that can replace one, the newest key's first: each follows from the token and a key of ours, so that whoever
 * asks with the same token gets the same successor, and nobody without the key can tell it.
 */
export function* successorsOf(prefix: string, { text, tag }: SignedToken, keys: KeyRing): Generator<SignedToken> {
  for (const secret of keys.signatures(`successor of ${text}`)) yield signedToken(prefix, tag, secret, keys)
}

const signedToken = (prefix: string, tag: string, secret: Buffer, keys: KeyRing): SignedToken => {
  const body = `${prefix}${tag}${secret.toString('base64url')}`
  const text = body + checksum(keys.sign(body))
  return { text, tag, hash: fingerprint(text) }
}

/** Reads a token that one of our keys signed; null for anything else. Costs no I/O, so garbage never reaches a store. */
export const parseSignedToken = (prefix: string, text: string, keys: KeyRing): SignedToken | null => {
  const [, kind, tag, sum] = shape.exec(text) ?? []
  if (kind !== prefix || !tag || !sum) return null
  const body = text.slice(0, -sum.length)
  for (const signature of keys.signatures(body)) {
    if (timingSafeEqual(Buffer.from(checksum(signature)), Buffer.from(sum))) {
      return { text, tag, hash: fingerprint(text) }
    }
  }
  return null
}

const checksum = (signature: Buffer): string => signature.subarray(0, checksumBytes).toString('base64url')
