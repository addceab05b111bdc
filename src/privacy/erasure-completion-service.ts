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

const finalPassAfterSeconds = 30 // whatever was under way has ended, on the slowest server
const mostAtOnce = 100
const longestOfOneMs = 30_000

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

  /** Does all for one user, or what there is time for. Returns whether it came to the end. */
  const complete = async (userId: string, mostMs: number): Promise<boolean> => {
    const deadline = performance.now() + mostMs
    const isTimeUp = () => performance.now() > deadline
    const recording = await erasures.recording() // perhaps about this user, as if there were no erasure
    const isSettled = await until(() => erasures.areOver(recording), deadline)
    for (const eraseSome of rows.steps(userId)) {
      while ((await eraseSome()) > 0) if (isTimeUp()) return false
    }
    if (!(await until(() => erasures.isSealed(userId), deadline))) return false
    for (const role of ['user_id', 'actor_id'] as const) {
      let place: EventPlace | null = null
      do {
        if (isTimeUp()) return false
        place = await rows.erasePersonalData(userId, role, place)
      } while (place)
    }
    return isSettled
  }

  return {
    complete,

    /** Goes once more over erasures that are half a minute old, and notes those that are done. Returns how many were. */
    async finishSome(): Promise<number> {
      const unfinished = await erasures.listUnfinished(secondsAfter(now(), -finalPassAfterSeconds), mostAtOnce)
      const problems: unknown[] = []
      let finished = 0
      for (const { id } of unfinished) {
        try {
          if (!(await complete(id, longestOfOneMs))) continue
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
