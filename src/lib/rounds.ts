export interface RoundsOptions {
  readonly work: () => Promise<unknown>
  readonly intervalMs: number
  readonly firstAfterMs?: number
  readonly onProblem: (problem: unknown) => void
}

/** Does `work` again and again, so long after it ended the last time, failed or not. `stop` waits for what is under way. */
export const startRounds = ({ work, intervalMs, firstAfterMs = intervalMs, onProblem }: RoundsOptions) => {
  let isStopped = false
  let running: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout
  const schedule = (afterMs: number): void => {
    timer = setTimeout(() => {
      running = work().then(
        () => {},
        (problem) => onProblem(problem),
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
