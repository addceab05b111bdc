import type { EventStore } from './event-store.ts'
import type { EventReport } from './security-event.ts'

export type RecordEvent = (report: EventReport) => Promise<void>

interface Waiting {
  readonly report: EventReport
  readonly resolve: () => void
  readonly reject: (problem: unknown) => void
}

const largestBatch = 200

/**
 * Records events that no change goes with, such as refusals: resolves once it is committed. What comes while a statement
 * is under way goes together in the next, so that a flood of refusals costs few commits, and a lone one no wait.
 * `onRecorded` is told of each commit.
 */
export const createRecordEvent = (append: EventStore['append'], onRecorded: () => void): RecordEvent => {
  const waiting: Waiting[] = []
  let isRunning = false

  const run = async (): Promise<void> => {
    isRunning = true
    while (waiting.length > 0) {
      const batch = waiting.splice(0, largestBatch)
      await append(...batch.map(({ report }) => report)).then(
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
