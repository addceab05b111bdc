import { GraphQLEnumType, GraphQLError, type GraphQLFormattedError } from 'graphql'
import { AppError, type ErrorCode, failureIn } from '../failure.ts'
import type { Logger } from '../lib/logger.ts'

const descriptions: Record<ErrorCode, string> = {
  UNAUTHENTICATED: 'No session, or one that never existed. HTTP 401 when it is the whole response.',
  SESSION_ENDED:
    'The session was live once and is over. Carries `reason`: SessionEndReason. HTTP 401 when it is the whole response.',
  FORBIDDEN: 'Signed in, and not allowed. HTTP 403 when it is the whole response.',
  MFA_ENROLMENT_REQUIRED:
    'Policy wants a second factor that this user has not enrolled. Only enrolment, sign-out and `me` are open.',
  STEP_UP_REQUIRED:
    'The act wants a fresh proof. Carries `methods`: [AuthenticationMethod!] and, if a factor is enrolled, a ready `challengeId` for `verifyMfa`; without one `reauthenticate` with the password.',
  BAD_USER_INPUT: 'Malformed or unacceptable input. Carries `fields`: [{ path, message }].',
  INVALID_CREDENTIALS: "Unknown email or wrong password: the two can't be told apart.",
  MFA_CODE_INVALID: 'Wrong, replayed or expired code. Carries `attemptsRemaining`.',
  CHALLENGE_EXPIRED: 'The challenge is spent, expired or unknown: start again.',
  ACCOUNT_LOCKED:
    'Too many failures. Carries `retryAfterSeconds`; the HTTP response has a Retry-After header. Says nothing of whether the account exists.',
  ACCOUNT_SUSPENDED:
    'Suspended by an administrator. Told only to who knows the password. HTTP 403 when it is the whole response.',
  RATE_LIMITED: 'Too much at once. Carries `retryAfterSeconds`; the HTTP response has a Retry-After header.',
  TOKEN_INVALID: 'The token of a confirmation or password reset is wrong, used or expired.',
  PASSWORD_REJECTED:
    'Too short, too long, too common or too close to the user. Carries `reasons`: [String!], sentences to show.',
  NOT_FOUND: 'There is no such thing, or it is not yours.',
  CONFLICT: 'The act does not go with how things stand, for example a step-up without a second factor.',
  DELIVERY_FAILED:
    'A text message could not be handed to the provider. Nothing was spent: try again, after `retryAfterSeconds` where it is given, or use another method.',
  SERVICE_DEGRADED:
    "A dependency is down and this act can't be done safely without it. HTTP 503 when it is the whole response.",
  INTERNAL_SERVER_ERROR: 'A fault on our side. Carries `requestId`, which finds it in the logs.',
}

/** In the schema for clients to generate from; no field has it. */
export const ErrorCodeEnum = new GraphQLEnumType({
  name: 'ErrorCode',
  description:
    'What `extensions.code` of an error can be. What else an error carries stands beside it in `extensions`.',
  values: Object.fromEntries(Object.entries(descriptions).map(([code, description]) => [code, { description }])),
})

/** The status of a response that is nothing but errors of this code. */
export const httpStatusOf: Partial<Record<string, number>> = {
  UNAUTHENTICATED: 401,
  SESSION_ENDED: 401,
  FORBIDDEN: 403,
  ACCOUNT_SUSPENDED: 403,
  ACCOUNT_LOCKED: 429,
  RATE_LIMITED: 429,
  SERVICE_DEGRADED: 503,
  INTERNAL_SERVER_ERROR: 500,
}

/** Apollo's own codes for requests that it refused before running them. */
const refusedByApollo = new Set([
  'PERSISTED_QUERY_NOT_SUPPORTED',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'BAD_REQUEST',
])

/** The failure behind an error; undefined for a fault that clients must not read. */
const appErrorOf = (error: unknown): AppError | undefined =>
  failureIn(error instanceof GraphQLError ? error.originalError : error)

/** Lets only ErrorCode and its data out: neither a driver's words nor a stack (ASVS 16.5.1). */
export const formatError = (formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError => {
  const { locations, path } = formatted
  const place = { ...(locations && { locations }), ...(path && { path }) }
  const failure = appErrorOf(error)
  if (failure) return { message: failure.message, ...place, extensions: { code: failure.code, ...failure.data } }
  if (refusedByApollo.has(String(formatted.extensions?.code))) {
    return { message: withoutQuote(formatted.message), ...place, extensions: { code: 'BAD_USER_INPUT', fields: [] } }
  }
  const { message } = new AppError('INTERNAL_SERVER_ERROR')
  return { message, ...place, extensions: { code: 'INTERNAL_SERVER_ERROR' } }
}

/** The parser quotes the text that it stumbles over, and speaks of its own stack. */
const withoutQuote = (message: string): string =>
  message.startsWith('Maximum call stack')
    ? 'Syntax Error: nested too deeply.'
    : message.replace(/^(Syntax Error: .*?found (?:Block)?String) ".*"/s, '$1')

/** An AppError as graphql-js carries it, for use outside resolvers. Before execution a client's mistake is a 400. */
export const requestError = (failure: AppError): GraphQLError =>
  new GraphQLError(failure.message, {
    originalError: failure,
    extensions: { code: failure.code, http: { status: httpStatusOf[failure.code] ?? 400 } },
  })

/** Logs what clients must not read: what a dependency or a resolver of ours failed of. */
export const logFaults = (log: Logger, errors: readonly GraphQLError[], facts: object): void => {
  for (const error of errors) {
    const failure = appErrorOf(error)
    // Without a path it is a mistake in the request, whose words may quote a password.
    const cause = failure ? failure.cause : error.path && error.originalError
    if (!cause) continue
    const isOfDependency = failure && failure.code !== 'INTERNAL_SERVER_ERROR'
    const what = isOfDependency
      ? 'a dependency failed'
      : failure
        ? 'a request could not be checked'
        : 'a resolver failed'
    log.error({ err: cause, ...facts, path: error.path }, what)
  }
}

/** Names the request in a fault, so that it is found in the logs. */
export const withRequestId = (error: GraphQLFormattedError, requestId: string): GraphQLFormattedError =>
  error.extensions?.code === 'INTERNAL_SERVER_ERROR'
    ? { ...error, extensions: { ...error.extensions, requestId } }
    : error

/** Says nothing of what else the schema has. */
export const withoutSuggestion = (error: GraphQLFormattedError): GraphQLFormattedError => ({
  ...error,
  message: error.message.replace(/ Did you mean .*$/s, ''),
})
