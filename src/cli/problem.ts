import { ConfigError } from '../config.ts'
import { UsageError } from './command.ts'

export const exitCodes = { failed: 1, wrongUsage: 2, stopped: 130 }

/** What an operator is told of a failure, in a line without a stack, a statement or a password, and the exit code for it. */
export const problemOf = (problem: unknown, databaseUrl: string | undefined): { text: string; exitCode: number } => {
  if (problem instanceof UsageError) return { text: problem.message, exitCode: exitCodes.wrongUsage }
  if (problem instanceof ConfigError) return { text: problem.problems.join('; '), exitCode: exitCodes.wrongUsage }
  const cause = rootOf(problem)
  const { code = '', message } = cause as { code?: string; message: string }
  const told = databaseProblem(code, message, databaseUrl)
  return { text: told ?? (message || code || String(cause)), exitCode: exitCodes.failed }
}

/** Drizzle's own message holds the statement with its values; what it stumbled over is behind it. */
const rootOf = (problem: unknown): unknown => {
  const { cause, errors } = problem as { cause?: unknown; errors?: unknown[] }
  const deeper = cause ?? errors?.[0]
  return deeper ? rootOf(deeper) : problem
}

const databaseProblem = (code: string, message: string, databaseUrl: string | undefined): string | undefined => {
  if (!databaseUrl || !URL.canParse(databaseUrl)) return undefined
  const { hostname, port, username, pathname } = new URL(databaseUrl)
  const where = `${hostname}:${port || 5432}`
  if (/^(ECONN|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ETIMEDOUT|CONNECT_TIMEOUT|CONNECTION_|57P03)/.test(code))
    return `DATABASE_URL: PostgreSQL at ${where} can not be reached (${code})`
  if (code === '28P01' || code === '28000')
    return `DATABASE_URL: PostgreSQL at ${where} refuses the user "${decodeURIComponent(username)}", or the password`
  if (code === '3D000') return `DATABASE_URL: PostgreSQL at ${where} has no database "${pathname.slice(1)}"`
  const [, role] = /set role "(\w+)"/.exec(message) ?? []
  if (code === '42501' && role)
    return `DATABASE_URL: the user "${decodeURIComponent(username)}" is no member of ${role} (${message})`
  if (code === '42P01' || code === '42703' || message.includes('role "gatehouse_'))
    return `The database has not the newest schema (${message}). Run: gatehouse migrate`
  return undefined
}
