import type { AuditArchiveStore } from './audit-archive-store.ts'

export interface MonthSize {
  readonly events: number
  /** Of its events, in the chain. */
  readonly firstSequence: number
  /** Of the checkpoint that follows its last event. */
  readonly lastSequence: number
}

/** What a month has; what it waits for where it can't be archived yet. */
export type MeasuredMonth =
  | { readonly kind: 'empty'; readonly events: 0 }
  | ({ readonly kind: 'sealed'; readonly lastEvent: number } & MonthSize)
  | { readonly kind: 'waits'; readonly reason: string }

const eventsAtOnce = 5_000

/** Measures a month that is over. `insist` is asked before each statement, and throws where there is to be no more. */
export const createMeasureMonth =
  (archives: Pick<AuditArchiveStore, 'measure' | 'checkpointFrom'>, keyIds: readonly string[]) =>
  async (month: string, insist: () => Promise<void>): Promise<MeasuredMonth> => {
    let [events, unsealed, firstSequence, lastEvent] = [0, 0, Number.POSITIVE_INFINITY, 0]
    let after: string | null = null
    do {
      await insist()
      const part = await archives.measure(month, after, eventsAtOnce)
      events += part.events
      unsealed += part.unsealed
      firstSequence = Math.min(firstSequence, part.firstSequence ?? firstSequence)
      lastEvent = Math.max(lastEvent, part.lastSequence ?? 0)
      after = part.events === eventsAtOnce ? part.lastId : null
    } while (after)
    if (events === 0) return { kind: 'empty', events: 0 }
    if (unsealed > 0) return { kind: 'waits', reason: `${unsealed} of its events are not sealed yet` }
    const lastSequence = await archives.checkpointFrom(lastEvent, keyIds)
    if (!lastSequence) return { kind: 'waits', reason: 'no checkpoint of a known key follows its last event yet' }
    return { kind: 'sealed', events, firstSequence, lastEvent, lastSequence }
  }
