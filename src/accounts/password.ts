import { dictionary } from '@zxcvbn-ts/language-common'
import { badInput } from '../failure.ts'

const fewestCharacters = 8
const mostCharacters = 128

const productWord = 'gatehouse'
const shortestContextWord = 4 // shorter words stand in too many good passwords by chance

const common: ReadonlySet<string> = new Set(
  dictionary['passwords-common'].filter(
    (word): word is string => typeof word === 'string' && word.length >= fewestCharacters,
  ),
)

/** NFC, so that one password typed on two keyboards is one password (NIST SP 800-63B-4 §3.1.1.2). Nothing else changes. */
export const normalisePassword = (password: string): string => password.normalize('NFC')

/** A password as someone typed it, in the form that is hashed. Throws BAD_USER_INPUT for one that none can be. */
export const parseTypedPassword = (path: string, typed: string): string => {
  const password = normalisePassword(typed)
  if (hasTooManyCharacters(password)) throw badInput(path, `has at most ${mostCharacters} characters`)
  return password
}

/** Length in code points, as a person counts characters. */
export const hasTooManyCharacters = (password: string): boolean =>
  password.length > 2 * mostCharacters || [...password].length > mostCharacters

/**
 * Why a new password is refused, in sentences for people; empty when it is fine. Length, an offline list of common
 * passwords, and words that an attacker tries first; no composition rules (ASVS 6.2.1 to 6.2.12).
 */
export const passwordProblems = (password: string, context: readonly (string | null)[]): string[] => {
  if (hasTooManyCharacters(password)) return [`It has more than ${mostCharacters} characters.`]
  const problems: string[] = []
  if ([...password].length < fewestCharacters) problems.push(`It has fewer than ${fewestCharacters} characters.`)
  const lower = password.toLowerCase()
  if (common.has(lower) || new Set(lower).size === 1) problems.push('It is one of the most common passwords.')
  const words = context.map((word) => word?.toLowerCase() ?? '').concat(productWord)
  const known = words.find((word) => word.length >= shortestContextWord && lower.includes(word))
  if (known && lower.replaceAll(known, '').length < fewestCharacters) {
    problems.push('It is little more than your name, your address or the name of this service.')
  }
  return problems
}
