import { badInput } from '../failure.ts'
import { hasControlCharacters } from '../lib/text.ts'

export type MfaMethod = 'TOTP'
export type FactorStatus = 'PENDING' | 'ACTIVE'

export interface Factor {
  readonly id: string
  readonly userId: string
  readonly method: MfaMethod
  readonly label: string
  readonly status: FactorStatus
  readonly preferred: boolean
  readonly createdAt: Date
  readonly activatedAt: Date | null
  readonly lastUsedAt: Date | null
}

const longestLabel = 64

/** A factor's label in NFC; the default when there is none. Throws BAD_USER_INPUT. */
export const parseLabel = (path: string, text: string | null | undefined): string => {
  const label = text?.normalize('NFC').trim()
  if (!label) return 'Authenticator app'
  if ([...label].length > longestLabel) throw badInput(path, `must have at most ${longestLabel} characters`)
  if (hasControlCharacters(label)) throw badInput(path, 'must have no control characters')
  return label
}
