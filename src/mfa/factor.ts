import { badInput } from '../failure.ts'
import { hasControlCharacters } from '../lib/text.ts'

/** What can answer a challenge. Backup codes are no factor of their own: a user has one set or none. */
export type MfaMethod = 'TOTP' | 'SMS' | 'BACKUP_CODE'
export type FactorStatus = 'PENDING' | 'ACTIVE' | 'DISABLED'

export interface Factor {
  readonly id: string
  readonly userId: string
  readonly method: MfaMethod
  readonly label: string
  readonly status: FactorStatus
  readonly preferred: boolean
  /** For SMS: all but the last digits hidden. */
  readonly maskedPhoneNumber: string | null
  readonly createdAt: Date
  readonly activatedAt: Date | null
  readonly lastUsedAt: Date | null
}

/** Wrong codes in a row, over weeks if need be, after which a factor must be enrolled anew (NIST SP 800-63B-4 §3.2.2). */
export const maxFailuresInRow = 100
export const maxFactors = 10

const longestLabel = 64

/** A factor's label in NFC; the fallback when there is none. Throws BAD_USER_INPUT. */
export const parseLabel = (path: string, text: string | null | undefined, fallback: string): string => {
  const label = text?.normalize('NFC').trim()
  if (!label) return fallback
  if ([...label].length > longestLabel) throw badInput(path, `must have at most ${longestLabel} characters`)
  if (hasControlCharacters(label)) throw badInput(path, 'must have no control characters')
  return label
}

/** What a factor's secret is bound to: a sealed secret copied to another row does not open. */
export const seedBinding = (userId: string, factorId: string): string => `totp seed of ${factorId} of ${userId}`
export const phoneBinding = (userId: string, factorId: string): string => `phone number of ${factorId} of ${userId}`
export const factorBinding = ({ id, userId, method }: Pick<Factor, 'id' | 'userId' | 'method'>): string =>
  (method === 'SMS' ? phoneBinding : seedBinding)(userId, id)
