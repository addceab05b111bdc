import type { FieldProblem } from '../failure.ts'
import { isEmailAddress, parseDisplayName, type Role } from './account.ts'
import { argon2idCostOf, isBcryptHash } from './password-hash.ts'

/** An account as an older system had it. */
export interface ImportedAccount {
  readonly email: string
  readonly passwordHash: string
  readonly displayName: string | null
  readonly role: Role
  readonly createdAt: Date
}

export type ImportLine =
  | { readonly kind: 'blank' }
  | { readonly kind: 'account'; readonly account: ImportedAccount }
  | { readonly kind: 'refused'; readonly problems: readonly FieldProblem[] }

export const mostImportLineBytes = 10_000

const fields: readonly string[] = ['email', 'passwordHash', 'displayName', 'role', 'createdAt']
const roles: readonly unknown[] = ['USER', 'AUDITOR', 'ADMIN']

/**
 * Reads one line of an import: a JSON object in UTF-8, or null for one that was too long. A refusal tells of each field
 * what would be right and repeats no value, for any of them may be a hash in the wrong place.
 */
export const readImportLine = (line: Buffer | null, now: Date): ImportLine => {
  if (line === null) return refused(`must have at most ${mostImportLineBytes} bytes`)
  const text = decode(line)
  if (text === undefined) return refused('must be UTF-8')
  if (text.trim() === '') return { kind: 'blank' }
  const values = parseObject(text)
  if (!values) return refused('must be one JSON object')

  const problems: FieldProblem[] = Object.keys(values)
    .filter((name) => !fields.includes(name))
    .map((name) => ({ path: nameOf(name), message: `is unknown; the fields are ${fields.join(', ')}` }))
  const read = <T>(path: string, parse: (value: unknown) => T | undefined, message: string): T => {
    const value = parse(values[path])
    if (value === undefined) problems.push({ path, message })
    return value as T // an account is made only when there are no problems
  }
  const account = {
    email: read('email', toEmail, 'must be an email address, such as ada@example.com'),
    passwordHash: read(
      'passwordHash',
      toPasswordHash,
      'must be a bcrypt hash ($2a$, $2b$ or $2y$, cost 4 to 15) or an argon2id hash in the PHC form (at most 256 MiB, 10 passes, 16 lanes)',
    ),
    displayName: read('displayName', toDisplayName, 'must be text of at most 100 characters, no control characters'),
    role: read('role', toRole, 'must be USER, AUDITOR or ADMIN'),
    createdAt: read(
      'createdAt',
      (value) => toInstant(value, now),
      'must be an RFC 3339 time since 1970 and not in the future, such as 2019-04-30T12:00:00Z',
    ),
  }
  return problems.length > 0 ? { kind: 'refused', problems } : { kind: 'account', account }
}

const refused = (message: string): ImportLine => ({ kind: 'refused', problems: [{ path: '', message }] })

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Without the byte order mark, where there is one. */
const decode = (line: Buffer): string | undefined => {
  try {
    return utf8.decode(line)
  } catch {
    return undefined
  }
}

const parseObject = (text: string): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined // its message would quote the line
  }
}

const nameOf = (field: string): string => (/^\w{1,40}$/.test(field) ? field : 'a field')

const toEmail = (value: unknown) => (typeof value === 'string' && isEmailAddress(value) ? value : undefined)

const toPasswordHash = (value: unknown) =>
  typeof value === 'string' && (isBcryptHash(value) || argon2idCostOf(value)) ? value : undefined

const toDisplayName = (value: unknown = null) => {
  if (value === null) return null
  if (typeof value !== 'string' || !value.isWellFormed()) return undefined
  try {
    return parseDisplayName('displayName', value)
  } catch {
    return undefined
  }
}

const toRole = (value: unknown) => (roles.includes(value ?? 'USER') ? ((value ?? 'USER') as Role) : undefined)

const timestamp = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/

const toInstant = (value: unknown, now: Date) => {
  if (value === undefined || value === null) return now
  if (typeof value !== 'string') return undefined
  const text = value.toUpperCase()
  const [, day] = timestamp.exec(text) ?? []
  const instant = new Date(text)
  if (!day || Number.isNaN(instant.getTime()) || instant.getTime() < 0 || instant > now) return undefined
  return new Date(day).toISOString().startsWith(day) ? instant : undefined // Date takes 30 February for 1 March
}
