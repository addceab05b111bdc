import { badInput } from '../failure.ts'
import { hasControlCharacters } from '../lib/text.ts'

export type Role = 'USER' | 'AUDITOR' | 'ADMIN'
export type UserStatus = 'PENDING' | 'ACTIVE' | 'SUSPENDED' | 'ERASED'

/** A user as every part of Gatehouse may know it: no secret among it. */
export interface Account {
  readonly id: string
  readonly email: string
  readonly displayName: string | null
  readonly role: Role
  readonly status: UserStatus
  readonly sessionTag: string
  readonly version: number
  /** Whether a second factor is in force, or was and is not removed: then no sign-in goes without one. */
  readonly mfaEnabled: boolean
  readonly emailConfirmedAt: Date | null
  readonly createdAt: Date
  readonly lastLoginAt: Date | null
}

/** The form in which an address is unique. Addresses are ASCII, so no two letters share a lower case. */
export const emailKeyOf = (email: string): string => email.toLowerCase()

const longestLocalPart = 64 // RFC 5321 §4.5.3.1.1
const longestAddress = 254 // RFC 5321 §4.5.3.1.3, less the angle brackets
// The address syntax that browsers accept (HTML Standard, valid e-mail address), with at least one dot in the domain.
const addressSyntax =
  /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/i

const neverReached = /\.invalid$/i // RFC 6761 §6.4; erased accounts have such addresses

/** Whether mail could go to `text`. ASCII only: look-alike letters from other alphabets make two accounts of one address. */
export const isEmailAddress = (text: string): boolean =>
  text.length <= longestAddress &&
  addressSyntax.test(text) &&
  text.indexOf('@') <= longestLocalPart &&
  !neverReached.test(text)

const longestDisplayName = 100

/** A display name in NFC without surrounding space; null when there is none. Throws BAD_USER_INPUT. */
export const parseDisplayName = (path: string, text: string | null | undefined): string | null => {
  const name = text?.normalize('NFC').trim()
  if (!name) return null
  if ([...name].length > longestDisplayName) throw badInput(path, `must have at most ${longestDisplayName} characters`)
  if (hasControlCharacters(name)) throw badInput(path, 'must have no control characters')
  return name
}
