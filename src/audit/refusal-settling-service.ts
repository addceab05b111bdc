import type { Transact } from '../db/transact.ts'
import type { EventStore } from './event-store.ts'
import type { RefusalStore } from './refusal-store.ts'

interface SettlingStores {
  readonly refusals: Pick<RefusalStore, 'endSome'>
  readonly events: Pick<EventStore, 'append'>
}

const mostAtOnce = 100

/**
 * Records what was refused again and again, once its window is over: an event of the same kind with the number of the repeats.
 * Of servers that do so at once one records each; one that dies in between leaves the count for the next.
 */
export const createSettleRefusals =
  (transact: Transact<SettlingStores>, hasEnded: RefusalStore['hasEnded']) => async (): Promise<void> => {
    while (await hasEnded()) {
      await transact(async ({ refusals, events }) => {
        const reports = await refusals.endSome(mostAtOnce)
        if (reports.length > 0) await events.append(...reports)
      })
    }
  }
