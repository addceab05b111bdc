export interface RoundsOptions {
  readonly work: () => Promise<unknown>
  readonly intervalMs: number
  readonly firstAfterMs?: number
  /** Hears the first failure, and every half hour that it lasts. */
  readonly onProblem: (problem: unknown) => void
}

const reportAgainMs = 1_800_000

/** Does `work` again and again, so long after it ended the last time, failed or not. `stop` waits for what is under way. */
export const startRounds = ({ work, intervalMs, firstAfterMs = intervalMs, onProblem }: RoundsOptions) => {
  let isStopped = false
  let reportedAt = Number.NEGATIVE_INFINITY
  let running: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout
  const schedule = (afterMs: number): void => {
    timer = setTimeout(() => {
      running = work().then(
        () => {
          reportedAt = Number.NEGATIVE_INFINITY
        },
        (problem) => {
          if (performance.now() - reportedAt < reportAgainMs) return
          reportedAt = performance.now()
          onProblem(problem)
        },
      )
      void running.then(() => {
        if (!isStopped) schedule(intervalMs)
      })
    }, afterMs)
  }
  schedule(firstAfterMs)
  return {
    async stop(): Promise<void> {
      isStopped = true
      clearTimeout(timer)
      await running
    },
  }
}
