export interface RestoreWatchDeps {
  /** Reads a text that is another after each restore. */
  readonly readEpoch: () => Promise<string>
  /** Called once a restore is known here, from when on `epoch` answers the new one. */
  readonly onRestored: () => void
  readonly logProblem: (problem: unknown) => void
}

const retryMs = 1_000

/** Knows which restore of the database was the last, so that nothing is believed that was kept before it. */
export const createRestoreWatch = ({ readEpoch, onRestored, logProblem }: RestoreWatchDeps) => {
  let current: string | undefined
  let loading: Promise<void> = Promise.resolve()

  const read = async (): Promise<void> => {
    const epoch = await readEpoch()
    const isRestored = current !== undefined && epoch !== current
    current = epoch
    if (isRestored) onRestored()
  }
  const load = (): Promise<void> => {
    loading = loading.then(read, read) // one after the other, so that the newest is what stays
    return loading
  }
  /** Reads it anew: a restore was announced, or announcements may have been missed. */
  const reload = (): void => {
    load().catch((problem) => {
      logProblem(problem)
      setTimeout(reload, retryMs).unref()
    })
  }
  return { load, reload, epoch: (): string => current ?? '' }
}
