import { createReloading } from '../lib/reloading.ts'

export interface RestoreWatchDeps {
  /** Reads a text that is another after each restore. */
  readonly readEpoch: () => Promise<string>
  /** Called once a restore is known here, from when on `epoch` answers the new one. */
  readonly onRestored: () => void
  readonly logProblem: (problem: unknown) => void
}

/** Knows which restore of the database was the last, so that nothing is believed that was kept before it. */
export const createRestoreWatch = ({ readEpoch, onRestored, logProblem }: RestoreWatchDeps) => {
  let current: string | undefined
  const reloading = createReloading(async () => {
    const epoch = await readEpoch()
    const isRestored = current !== undefined && epoch !== current
    current = epoch
    if (isRestored) onRestored()
  }, logProblem)
  return { ...reloading, epoch: (): string => current ?? '' }
}
