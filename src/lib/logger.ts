import { type DestinationStream, type Logger, pino } from 'pino'

export type { Logger }

const secretFields = ['authorization', 'cookie', 'password', 'token', 'sessionToken', 'secret']

/** Structured logs, one JSON object a line, UTC. Fields named like secrets are masked wherever they stand (ASVS 16.2.5). */
export const createLogger = (level: string, destination?: DestinationStream): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: (problem: unknown) => pino.stdSerializers.err(withoutParameters(problem) as Error) },
      redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[masked]' },
    },
    destination ?? pino.destination({ dest: 1, sync: false }),
  )

/** A failed query's error quotes its parameters, hashes and sealed secrets among them: what caused it says enough. */
const withoutParameters = (problem: unknown): unknown =>
  problem instanceof Error && 'params' in problem && problem.cause ? problem.cause : problem
