import { type DestinationStream, type Logger, pino } from 'pino'
import { currentRequest, factsOf } from './request-scope.ts'

export type { Logger }

const secretFields = ['authorization', 'cookie', 'password', 'token', 'sessionToken', 'secret']

/** Structured logs, one JSON object a line, UTC, each with the request that it is of, if any. Fields named like secrets are masked wherever they stand (ASVS 16.2.5). */
export const createLogger = (level: string, destination?: DestinationStream): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: describe },
      mixin() {
        const request = currentRequest()
        return request ? factsOf(request) : {}
      },
      redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[masked]' },
    },
    destination ?? pino.destination({ dest: 1, sync: false }),
  )

/** Kind, words, code and place: a failed query's error also quotes its parameters, and the row it could not write. */
const describe = (problem: unknown): object => {
  if (!(problem instanceof Error)) return { message: String(problem) }
  const cause = 'params' in problem && problem.cause instanceof Error ? problem.cause : problem
  return { type: cause.name, message: cause.message, code: (cause as { code?: unknown }).code, stack: cause.stack }
}
