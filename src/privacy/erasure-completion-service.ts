import { type Clock, secondsAfter } from '../lib/clock.ts'
import type { ErasedRowsStore, EventPlace } from './erased-rows-store.ts'
import type { ErasureStore } from './erasure-store.ts'

export interface ErasureCompletionDeps {
  readonly erasures: Pick<
    ErasureStore,
    'recording' | 'areOver' | 'isSealed' | 'listUnfinished' | 'countUnfinished' | 'finish'
  >
  readonly rows: ErasedRowsStore
  readonly pause: () => Promise<unknown>
  readonly now: Clock
}

/** When to leave the rest for another time. */
interface Limits {
  readonly isToStop: () => Promise<boolean>
  /** By performance.now(). */
  readonly waitsForSealUntil: number
}

const finalPassAfterSeconds = 30 // whatever was under way has ended, on the slowest server
const mostAtOnce = 100
const longestOfOneMs = 30_000
const longestRecordingMs = 3_000 // PostgreSQL ends a transaction of ours that lasts longer

/**
 * Takes out what is left of erased users, in small statements, so that no history is too long and nobody waits. It may be
 * repeated, and be done twice at once.
 */
export const createErasureCompletion = ({ erasures, rows, pause, now }: ErasureCompletionDeps) => {
  /** Resolves once `isSo`, or with false when time is up. */
  const until = async (isSo: () => Promise<boolean>, deadline: number): Promise<boolean> => {
    while (!(await isSo())) {
      if (performance.now() > deadline) return false
      await pause()
    }
    return true
  }

  /** Resolves once whoever records an event, perhaps about an erased user as if there were no erasure, is through; false when time is up. */
  const othersAreThrough = async (deadline: number): Promise<boolean> => {
    const recording = await erasures.recording()
    return until(() => erasures.areOver(recording), deadline)
  }

  /** Returns whether it came to the end. */
  const takeOut = async (userId: string, { isToStop, waitsForSealUntil }: Limits): Promise<boolean> => {
    for (const eraseSome of rows.steps(userId)) {
      while ((await eraseSome()) > 0) if (await isToStop()) return false
    }
    if (!(await until(() => erasures.isSealed(userId), waitsForSealUntil))) return false
    for (const role of ['user_id', 'actor_id'] as const) {
      let place: EventPlace | null = null
      do {
        if (await isToStop()) return false
        place = await rows.erasePersonalData(userId, role, place)
      } while (place)
    }
    return true
  }

  return {
    /** Does all for one user, or what there is time for. */
    async complete(userId: string, mostMs: number): Promise<void> {
      const deadline = performance.now() + mostMs
      await othersAreThrough(deadline)
      await takeOut(userId, { isToStop: async () => performance.now() > deadline, waitsForSealUntil: deadline })
    },

    /**
     * Goes once more over erasures that are half a minute old, and notes those that are done. Returns how many were. It does not
     * wait for a seal: while the log is not sealed no erasure comes to its end, and whatever else is to be done must not wait for that.
     */
    async finishSome(mayGoOn: () => Promise<boolean>): Promise<number> {
      const unfinished = await erasures.listUnfinished(secondsAfter(now(), -finalPassAfterSeconds), mostAtOnce)
      if (unfinished.length === 0) return 0
      const areSettled = await othersAreThrough(performance.now() + longestRecordingMs)
      const problems: unknown[] = []
      let finished = 0
      for (const { id } of unfinished) {
        if (!(await mayGoOn())) break
        const deadline = performance.now() + longestOfOneMs
        const isToStop = async () => performance.now() > deadline || !(await mayGoOn())
        try {
          if (!((await takeOut(id, { isToStop, waitsForSealUntil: 0 })) && areSettled)) continue
          await erasures.finish(id, now())
          finished++
        } catch (problem) {
          problems.push(problem) // the others are all the same
        }
      }
      if (finished === 0 && problems.length > 0) throw problems[0]
      return finished
    },

    count: (): Promise<number> => erasures.countUnfinished(secondsAfter(now(), -finalPassAfterSeconds)),
  }
}
