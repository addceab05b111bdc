import { badInput } from '../failure.ts'

/** An account that is no more. */
export interface AccountErased {
  readonly id: string
  readonly erasedAt: Date
}

/** The address that stands in the place of an erased user's: valid, and nobody's (RFC 2606 §2). */
export const addressOfErased = (userId: string): string => `${userId}@erased.invalid`

/** Stand in the place of a session's: where and on what it was used is forgotten. */
export const erasedAddress = '0.0.0.0'
export const erasedUserAgent = ''

const shortestTellingName = 3 // fewer letters stand in every reason

const wordsOf = (text: string): string =>
  ` ${text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .join(' ')} `

/** Why an account was erased stays in the log, so it must not name whose it was. Throws BAD_USER_INPUT. */
export const insistNameless = (
  path: string,
  reason: string,
  { email, displayName }: { readonly email: string; readonly displayName: string | null },
): void => {
  const text = wordsOf(reason)
  const names = [email, displayName ?? ''].filter(({ length }) => length >= shortestTellingName)
  if (names.some((name) => text.includes(wordsOf(name))))
    throw badInput(path, 'must name neither the address nor the name of the user: it stays when they are gone')
}
