import type { LeaseStore } from './lease-store.ts'

export interface LeaseDeps {
  readonly leases: LeaseStore
  readonly task: string
  /** Whoever asks: an id of this process. */
  readonly holder: string
  /** A holder that died is replaced after so long, and the pause until someone asks. */
  readonly seconds?: number
  /** Measured here, not compared with another's clock. */
  readonly renewMs?: number
}

/** Held by whoever purges, server or command, while at it. */
export const purgeTurn = 'purge'

export type Lease = ReturnType<typeof createLease>

/** A task that one process at a time holds, for as long as it renews it. */
export const createLease = ({ leases, task, holder, seconds = 75, renewMs = 20_000 }: LeaseDeps) => {
  let claimedAt = Number.NEGATIVE_INFINITY
  const claim = async (): Promise<boolean> => {
    const isMine = await leases.claim(task, holder, seconds)
    claimedAt = isMine ? performance.now() : Number.NEGATIVE_INFINITY
    return isMine
  }
  return {
    /** Takes it or renews it; false while another process has it. */
    claim,
    /** Whether it is still ours; renews it now and then, so that it may be asked often. */
    keep: async (): Promise<boolean> => performance.now() - claimedAt < renewMs || claim(),
    async giveUp(): Promise<void> {
      claimedAt = Number.NEGATIVE_INFINITY
      await leases.giveUp(task, holder)
    },
  }
}

/** Does `work` as soon as nobody else is at it, asking again after each `pause`. */
export const inTurn = async <T>(
  turn: Lease,
  { pause, onWaiting }: { readonly pause: () => Promise<unknown>; readonly onWaiting: () => void },
  work: () => Promise<T>,
): Promise<T> => {
  for (let isTold = false; !(await turn.claim()); await pause()) {
    if (!isTold) onWaiting()
    isTold = true
  }
  return work().finally(turn.giveUp)
}
