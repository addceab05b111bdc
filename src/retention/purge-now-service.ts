import { inTurn, type Lease } from './lease-service.ts'
import type { Purge, PurgeWatch } from './purge-service.ts'

export interface PurgeNowDeps {
  readonly purge: Pick<Purge, 'run'>
  readonly turn: Lease
  readonly pause: () => Promise<unknown>
}

/** Purges at once, as soon as nobody else is at it. Returns whether it came to the end. */
export const createPurgeNow =
  ({ purge, turn, pause }: PurgeNowDeps) =>
  ({ onWaiting, ...watch }: Omit<PurgeWatch, 'mayGoOn'> & { onWaiting(): void }): Promise<boolean> =>
    inTurn(turn, { pause, onWaiting }, () => purge.run({ ...watch, mayGoOn: turn.keep }))
