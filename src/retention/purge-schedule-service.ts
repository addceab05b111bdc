import type { Logger } from '../lib/logger.ts'
import { startRounds } from '../lib/rounds.ts'
import type { Lease } from './lease-service.ts'
import type { Purge } from './purge-service.ts'

export interface PurgeScheduleDeps {
  readonly purge: Pick<Purge, 'run'>
  /** Which of the servers purges; kept between rounds. */
  readonly duty: Lease
  /** Who is at it, a server or a command; held for a round. */
  readonly turn: Lease
  readonly intervalMs: number
  readonly firstAfterMs: number
  readonly log: Logger
}

/** Purges now and then, on one server at a time: on another within two minutes when that one dies, at its next turn when it stops. */
export const startPurges = ({ purge, duty, turn, intervalMs, firstAfterMs, log }: PurgeScheduleDeps) => {
  let isStopped = false
  const logProblem = (problem: unknown, what?: string) =>
    log.warn({ err: problem, what }, 'what is over could not be deleted')

  const round = async (): Promise<void> => {
    if (!((await duty.claim()) && (await turn.claim()))) return
    try {
      await purge.run({
        mayGoOn: async () => !isStopped && (await duty.keep()) && (await turn.keep()),
        onDone: (what, count) => count > 0 && log.debug({ what, count }, 'purged'),
        onProblem: (what, problem) => logProblem(problem, what),
      })
    } finally {
      await turn.giveUp()
    }
  }

  const rounds = startRounds({ work: round, intervalMs, firstAfterMs, onProblem: logProblem })
  return {
    async stop(): Promise<void> {
      isStopped = true
      await rounds.stop()
      await duty.giveUp()
    },
  }
}
