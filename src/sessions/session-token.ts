import type { KeyRing } from '../lib/key-ring.ts'
import { newSignedToken, newTag, parseSignedToken, type SignedToken, successorsOf } from '../lib/signed-token.ts'

const prefix = 'gts_'

export type SessionToken = SignedToken

/** A new user's session tag: it names the Redis hash slot of all of the user's sessions and opens nothing. */
export const newSessionTag = newTag

/** A new session token, under the tag of its user. */
export const newSessionToken = (tag: string, keys: KeyRing): SessionToken => newSignedToken(prefix, tag, keys)

/** Reads a session token that one of our keys signed; null for anything else. */
export const parseSessionToken = (text: string, keys: KeyRing): SessionToken | null =>
  parseSignedToken(prefix, text, keys)

/** What may replace a token that is refreshed: the first is the one to take, any may be what a parallel request took. */
export const sessionTokenSuccessors = (token: SessionToken, keys: KeyRing): SessionToken[] => [
  ...successorsOf(prefix, token, keys),
]
