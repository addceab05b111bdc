import type { Clock } from '../lib/clock.ts'
import type { EventStore } from './event-store.ts'
import { countRefusals, createTellApart, isFolded } from './refusal.ts'
import type { RefusalStore } from './refusal-store.ts'
import type { EventReport } from './security-event.ts'

export type RecordEvent = (report: EventReport) => Promise<void>

export interface EventRecordingDeps {
  readonly append: EventStore['append']
  readonly recordRefusals: RefusalStore['record']
  /** Is told of each commit. */
  readonly onRecorded: () => void
  readonly now: Clock
}

interface Waiting {
  readonly report: EventReport
  readonly resolve: () => void
  readonly reject: (problem: unknown) => void
}

const largestBatch = 200

/**
 * Records events that no change goes with, such as refusals: resolves once it is committed. What comes while a statement
 * is under way goes together in the next, so that a flood of refusals costs few commits, and a lone one no wait. Refusals that
 * repeat are only counted until their window is over.
 */
export const createRecordEvent = ({ append, recordRefusals, onRecorded, now }: EventRecordingDeps): RecordEvent => {
  const tellApart = createTellApart(now)
  const waiting: Waiting[] = []
  let isRunning = false

  const record = (reports: readonly EventReport[]): Promise<void> => {
    const { refused = [], others = [] } = Object.groupBy(reports, (report) => (isFolded(report) ? 'refused' : 'others'))
    return refused.length > 0 ? recordRefusals(countRefusals(refused.map(tellApart)), others) : append(...others)
  }

  const run = async (): Promise<void> => {
    isRunning = true
    while (waiting.length > 0) {
      const batch = waiting.splice(0, largestBatch)
      await record(batch.map(({ report }) => report)).then(
        () => {
          onRecorded()
          for (const { resolve } of batch) resolve()
        },
        (problem) => {
          // PostgreSQL fails or is slow: whoever waits behind is not kept waiting for the same.
          for (const { reject } of [...batch, ...waiting.splice(0)]) reject(problem)
        },
      )
    }
    isRunning = false
  }

  return (report) =>
    new Promise((resolve, reject) => {
      waiting.push({ report, resolve, reject })
      if (!isRunning) void run()
    })
}
