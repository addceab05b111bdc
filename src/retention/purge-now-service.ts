import type { Lease } from './lease-service.ts'
import type { Purge, PurgeWatch } from './purge-service.ts'

export interface PurgeNowDeps {
  readonly purge: Pick<Purge, 'run'>
  readonly turn: Lease
  readonly pause: () => Promise<unknown>
}

/** Purges at once, as soon as nobody else is at it. Returns whether it came to the end. */
export const createPurgeNow =
  ({ purge, turn, pause }: PurgeNowDeps) =>
  async ({ onWaiting, ...watch }: Omit<PurgeWatch, 'mayGoOn'> & { onWaiting(): void }): Promise<boolean> => {
    for (let isTold = false; !(await turn.claim()); await pause()) {
      if (!isTold) onWaiting()
      isTold = true
    }
    try {
      return await purge.run({ ...watch, mayGoOn: turn.keep })
    } finally {
      await turn.giveUp()
    }
  }
