import { badInput } from '../failure.ts'
import { type BackupCode, parseBackupCode } from './backup-code.ts'
import type { MfaMethod } from './factor.ts'
import { isTotpCode } from './totp.ts'

/** A code in one of the forms that codes have. */
export type TypedCode =
  | { readonly kind: 'digits'; readonly text: string }
  | ({ readonly kind: 'backupCode' } & BackupCode)

const digits = 'six digits, 0 to 9'
const backup = 'a backup code such as 3-XXXXX-XXXXX'
const formOf: Record<MfaMethod, string> = { TOTP: digits, SMS: digits, BACKUP_CODE: backup }

/** Reads a code as it was typed, by the form of its method or, without one, by its own. Throws BAD_USER_INPUT. */
export const parseCode = (typed: string, method: MfaMethod | null): TypedCode => {
  if (method !== 'BACKUP_CODE' && isTotpCode(typed)) return { kind: 'digits', text: typed }
  const backupCode = !method || method === 'BACKUP_CODE' ? parseBackupCode(typed) : null
  if (backupCode) return { kind: 'backupCode', ...backupCode }
  throw badInput('input.code', `must be ${method ? formOf[method] : `${digits}, or ${backup}`}, and nothing else`)
}
