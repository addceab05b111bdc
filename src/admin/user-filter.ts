import { emailKeyOf, type Role, type UserStatus } from '../accounts/account.ts'
import { badInput } from '../failure.ts'

/** Which users: those that fit everything given. */
export interface UserFilter {
  /** A part of the address, in lower case. */
  readonly email?: string
  readonly role?: Role
  readonly status?: UserStatus
  readonly mfaEnabled?: boolean
}

/** What a client asks for: null and absent mean no restriction. */
export type UserQuery = { readonly [Key in keyof UserFilter]?: UserFilter[Key] | null | undefined }

const shortestPart = 3 // letters in a row are what the index knows; fewer fit almost everybody
const longestPart = 254 // no address is longer

/** Reads what a client asks for. Throws BAD_USER_INPUT. */
export const parseUserFilter = (query: UserQuery): UserFilter => {
  const given = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== null && value !== undefined))
  const { email } = given as UserFilter
  if (email === undefined) return given
  const part = emailKeyOf(email.trim())
  if (part.length < shortestPart || part.length > longestPart) {
    throw badInput('filter.email', `must have from ${shortestPart} to ${longestPart} characters`)
  }
  return { ...given, email: part }
}
