import { type Clock, secondsAfter } from '../lib/clock.ts'
import type { Logger } from '../lib/logger.ts'

export interface PurgeDeps {
  /** Each forgets what ended before the instant it is given. */
  readonly atOnce: readonly Forget[]
  readonly afterADay: readonly Forget[]
  readonly afterNinetyDays: readonly Forget[]
  readonly log: Logger
  readonly now: Clock
}

type Forget = (before: Date) => Promise<void>

const intervalMs = 60_000
const day = 24 * 3600

/** Deletes what no longer has a purpose, every minute, on every server: deleting twice does no harm. */
export const startPurge = ({ atOnce, afterADay, afterNinetyDays, log, now }: PurgeDeps) => {
  const tasks: (() => Promise<void>)[] = [
    ...atOnce.map((forget) => () => forget(now())),
    ...afterADay.map((forget) => () => forget(secondsAfter(now(), -day))),
    ...afterNinetyDays.map((forget) => () => forget(secondsAfter(now(), -90 * day))),
  ]
  const purge = async (): Promise<void> => {
    for (const task of tasks) {
      await task().catch((problem) => log.warn({ err: problem }, 'what is over could not be deleted'))
    }
  }
  let isStopped = false
  let running: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout
  const schedule = (): void => {
    timer = setTimeout(() => {
      running = purge().then(() => {
        if (!isStopped) schedule()
      })
    }, intervalMs)
  }
  schedule()
  return {
    async stop(): Promise<void> {
      isStopped = true
      clearTimeout(timer)
      await running
    },
  }
}
