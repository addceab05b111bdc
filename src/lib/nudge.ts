import { setTimeout as pause } from 'node:timers/promises'

export interface Nudged {
  /** Asks for a run: at once, or after the one that is under way. */
  nudge(): void
  /** Resolves once none is under way. */
  idle(): Promise<void>
  /** As `idle`, and nothing runs any more. */
  stop(): Promise<void>
}

/**
 * Runs `work` when nudged, never twice at once: all nudges during a run and the pause after it become one more run.
 * `work` handles its own failures.
 */
export const createNudged = (work: () => Promise<void>, pauseMs: number): Nudged => {
  let isNudged = false
  let isStopped = false
  let running: Promise<void> | undefined

  const run = async (): Promise<void> => {
    while (isNudged) {
      isNudged = false
      await work()
      await pause(pauseMs)
    }
    running = undefined
  }

  return {
    nudge() {
      if (isStopped) return
      isNudged = true
      running ??= run()
    },
    idle: async () => running,
    async stop() {
      isStopped = true
      isNudged = false
      await running
    },
  }
}
