import { badInput } from '../failure.ts'

/** What a user decided about one purpose. */
export interface Consent {
  readonly purpose: string
  /** Of the text that the user was shown. */
  readonly version: string
  readonly granted: boolean
  readonly recordedAt: Date
}

/** What a user decides now. */
export type Decision = Omit<Consent, 'recordedAt'>

/** On how many purposes a user may decide: far more than any front end asks for. */
export const mostPurposes = 100

const purposeSyntax = /^[a-z0-9][a-z0-9._:-]{0,63}$/
const versionSyntax = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,31}$/

/** Names, and no text that could hold anything about a person. Throws BAD_USER_INPUT. */
export const parseDecision = ({ purpose, version, granted }: Decision): Decision => {
  if (!purposeSyntax.test(purpose))
    throw badInput('input.purpose', 'must be 1 to 64 of a-z, 0-9, ".", "_", ":" and "-", as in newsletter')
  if (!versionSyntax.test(version))
    throw badInput('input.version', 'must be 1 to 32 of A-Z, a-z, 0-9, ".", "_", ":" and "-", as in 2026-11')
  return { purpose, version, granted }
}
