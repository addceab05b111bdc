import type { Logger } from '../lib/logger.ts'
import { startRounds } from '../lib/rounds.ts'
import type { ArchivedErasures } from '../privacy/archived-erasures-service.ts'
import type { Archives } from './archive-service.ts'
import type { Lease } from './lease-service.ts'

export interface ArchiveScheduleDeps {
  readonly archives: Pick<Archives, 'run'>
  readonly archivedErasures: Pick<ArchivedErasures, 'runPending'>
  /** Who is at it, a server or a command; held for a round. */
  readonly turn: Lease
  readonly intervalMs: number
  readonly firstAfterMs: number
  readonly log: Logger
}

/** Archives months of the security log as they get old enough, and takes erased users out of them, on whichever server comes first. `stop` leaves what is under way to another. */
export const startArchives = ({
  archives,
  archivedErasures,
  turn,
  intervalMs,
  firstAfterMs,
  log,
}: ArchiveScheduleDeps) => {
  let isStopped = false
  const logProblem = (problem: unknown, month?: string): void => {
    if (!isStopped) log.error({ err: problem, month }, 'the security log could not be archived')
  }

  const archiveMonths = (mayGoOn: () => Promise<boolean>) =>
    archives.run({
      isKept: false,
      mayGoOn,
      onProgress: () => {},
      onMonth: (month, outcome) =>
        log.info(
          { month, ...outcome },
          `a month of the security log ${outcome.kind === 'waits' ? 'waits to be' : 'was'} archived`,
        ),
      onProblem: (month, problem) => logProblem(problem, month),
    })

  const round = async (): Promise<void> => {
    if (!(await turn.claim())) return
    const mayGoOn = async () => !isStopped && (await turn.keep())
    try {
      await archiveMonths(mayGoOn).catch((problem) => logProblem(problem)) // who was erased goes all the same
      await archivedErasures.runPending({
        mayGoOn,
        onMonth: (month, gone) => log.info({ month, gone }, 'erased users were taken out of an archived month'),
        onProblem: (month, problem) => logProblem(problem, month),
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
    },
  }
}
