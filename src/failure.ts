import { UnknownKeyError } from './lib/key-ring.ts'
import type { AuthenticationMethod, SessionEndReason } from './sessions/session.ts'

export interface FieldProblem {
  readonly path: string
  readonly message: string
}

/** Every failure a client can be told of, with what it carries besides its code. */
export interface FailureData {
  UNAUTHENTICATED: Record<never, never>
  SESSION_ENDED: { readonly reason: SessionEndReason }
  FORBIDDEN: Record<never, never>
  MFA_ENROLMENT_REQUIRED: Record<never, never>
  STEP_UP_REQUIRED: { readonly methods: readonly AuthenticationMethod[]; readonly challengeId?: string }
  BAD_USER_INPUT: { readonly fields: readonly FieldProblem[] }
  INVALID_CREDENTIALS: Record<never, never>
  MFA_CODE_INVALID: { readonly attemptsRemaining: number }
  CHALLENGE_EXPIRED: Record<never, never>
  ACCOUNT_LOCKED: { readonly retryAfterSeconds: number }
  ACCOUNT_SUSPENDED: Record<never, never>
  RATE_LIMITED: { readonly retryAfterSeconds: number }
  TOKEN_INVALID: Record<never, never>
  PASSWORD_REJECTED: { readonly reasons: readonly string[] }
  NOT_FOUND: Record<never, never>
  CONFLICT: Record<never, never>
  DELIVERY_FAILED: { readonly retryAfterSeconds?: number }
  SERVICE_DEGRADED: Record<never, never>
  INTERNAL_SERVER_ERROR: Record<never, never>
}

export type ErrorCode = keyof FailureData

/** What the client reads. Logs have words of their own. */
const clientMessages: Record<ErrorCode, string> = {
  UNAUTHENTICATED: 'Sign in first.',
  SESSION_ENDED: 'This session is over. Sign in again.',
  FORBIDDEN: 'You are not allowed to do this.',
  MFA_ENROLMENT_REQUIRED: 'Enrol a second factor first.',
  STEP_UP_REQUIRED: 'Confirm that it is you, then try again.',
  BAD_USER_INPUT: 'The input is not acceptable; see fields.',
  INVALID_CREDENTIALS: 'The email address or the password is wrong.',
  MFA_CODE_INVALID: 'The code is wrong, used or expired.',
  CHALLENGE_EXPIRED: 'This challenge is over. Start again.',
  ACCOUNT_LOCKED: 'Too many failures. Try again later.',
  ACCOUNT_SUSPENDED: 'This account is suspended. Ask your administrator.',
  RATE_LIMITED: 'Too much at once. Try again later.',
  TOKEN_INVALID: 'The link is wrong, used or expired.',
  PASSWORD_REJECTED: 'Choose another password; see reasons.',
  NOT_FOUND: 'There is no such thing.',
  CONFLICT: 'This does not go with how things stand.',
  DELIVERY_FAILED: 'The message could not be sent. Try again, or another way.',
  SERVICE_DEGRADED: 'This can not be done safely right now. Try again in a moment.',
  INTERNAL_SERVER_ERROR: 'Something went wrong on our side.',
}

type DataOf<Code extends ErrorCode> = keyof FailureData[Code] extends never ? [] : [data: FailureData[Code]]

/** A failure the client program must handle. Whatever else is thrown reaches clients as INTERNAL_SERVER_ERROR. */
export class AppError<Code extends ErrorCode = ErrorCode> extends Error {
  readonly code: Code
  readonly data: object

  constructor(code: Code, ...[data]: DataOf<Code>) {
    super(clientMessages[code])
    this.name = 'AppError'
    this.code = code
    this.data = data ?? {}
  }
}

/** BAD_USER_INPUT about one argument: `path` as the client wrote it (`input.label`), `message` saying what would be right. */
export const badInput = (path: string, message: string): AppError<'BAD_USER_INPUT'> =>
  new AppError('BAD_USER_INPUT', { fields: [{ path, message }] })

/**
 * The AppError that a problem is or was caused by: libraries wrap what our code throws. A secret that only other servers can
 * open is SERVICE_DEGRADED. Undefined for any other fault.
 */
export const failureIn = (problem: unknown): AppError | undefined => {
  if (problem instanceof AppError) return problem
  if (problem instanceof UnknownKeyError) return Object.assign(new AppError('SERVICE_DEGRADED'), { cause: problem })
  return problem instanceof Error && problem.cause ? failureIn(problem.cause) : undefined
}
