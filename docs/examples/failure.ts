import { CombinedGraphQLErrors } from '@apollo/client'
import type { AuthenticationMethod, SessionEndReason } from './documents.generated'

/** What an operation can fail with: the codes of `ErrorCode`, with what each carries. */
export type Failure =
  | { readonly code: 'UNAUTHENTICATED' | 'FORBIDDEN' | 'MFA_ENROLMENT_REQUIRED' | 'INVALID_CREDENTIALS' }
  | { readonly code: 'CHALLENGE_EXPIRED' | 'ACCOUNT_SUSPENDED' | 'TOKEN_INVALID' | 'NOT_FOUND' | 'CONFLICT' }
  | { readonly code: 'SERVICE_DEGRADED' }
  | { readonly code: 'INTERNAL_SERVER_ERROR'; readonly requestId?: string }
  | { readonly code: 'SESSION_ENDED'; readonly reason: SessionEndReason }
  | {
      readonly code: 'STEP_UP_REQUIRED'
      readonly methods: readonly AuthenticationMethod[]
      readonly challengeId?: string
    }
  | { readonly code: 'BAD_USER_INPUT'; readonly fields: readonly { path: string; message: string }[] }
  | { readonly code: 'MFA_CODE_INVALID'; readonly attemptsRemaining: number }
  | { readonly code: 'ACCOUNT_LOCKED' | 'RATE_LIMITED'; readonly retryAfterSeconds: number }
  | { readonly code: 'DELIVERY_FAILED'; readonly retryAfterSeconds?: number }
  | { readonly code: 'PASSWORD_REJECTED'; readonly reasons: readonly string[] }
  | { readonly code: null } // no answer from Gatehouse: the network, or a proxy

/** The failure in what Apollo Client threw. */
export const failureOf = (problem: unknown): Failure => {
  if (!CombinedGraphQLErrors.is(problem)) return { code: null }
  const [first] = problem.errors
  return (first?.extensions ?? { code: null }) as unknown as Failure
}

const soon = (seconds: number) => (seconds < 90 ? `in ${seconds} seconds` : `in ${Math.ceil(seconds / 60)} minutes`)

/** What to tell the user. Flows say more where they know more. */
export const wordsFor = (failure: Failure): string => {
  switch (failure.code) {
    case 'UNAUTHENTICATED':
    case 'SESSION_ENDED':
      return 'You are signed out. Sign in again.'
    case 'FORBIDDEN':
      return 'You may not do this.'
    case 'MFA_ENROLMENT_REQUIRED':
      return 'Set up a second step for signing in first.'
    case 'STEP_UP_REQUIRED':
      return 'Confirm that it is you.'
    case 'BAD_USER_INPUT':
      return failure.fields.map(({ message }) => message).join(' ')
    case 'INVALID_CREDENTIALS':
      return 'The address or the password is wrong.'
    case 'MFA_CODE_INVALID':
      return `That code is wrong or used. Tries left: ${failure.attemptsRemaining}.`
    case 'CHALLENGE_EXPIRED':
      return 'That took too long, or too many tries. Start again.'
    case 'ACCOUNT_LOCKED':
    case 'RATE_LIMITED':
      return `Too many tries. Try again ${soon(failure.retryAfterSeconds)}.`
    case 'ACCOUNT_SUSPENDED':
      return 'An administrator has closed this account. Ask them.'
    case 'TOKEN_INVALID':
      return 'This link is used or too old. Ask for a new one.'
    case 'PASSWORD_REJECTED':
      return failure.reasons.join(' ')
    case 'NOT_FOUND':
    case 'CONFLICT':
      return 'That has changed meanwhile. Look again.'
    case 'DELIVERY_FAILED':
      return 'The message could not be sent. Try again, or use another way.'
    case 'SERVICE_DEGRADED':
    case null:
      return 'That does not work right now. Try again in a moment.'
    case 'INTERNAL_SERVER_ERROR':
      return `Something went wrong on our side (${failure.requestId ?? 'no id'}).`
  }
}
