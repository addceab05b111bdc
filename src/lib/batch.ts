/**
 * Looks keys up together: what is asked for while a run is under way goes into the next one, once, however many ask.
 * Nobody joins a run that has begun, so an answer is never older than its question; and nobody waits for a second run
 * when one fails: what waits then fails with it.
 */
export const createBatch = <Value>(
  run: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
  mostKeys: number,
): ((key: string) => Promise<Value | undefined>) => {
  type Waiting = PromiseWithResolvers<Value | undefined>
  let waiting = new Map<string, Waiting>()
  let isRunning = false

  const runAll = async (): Promise<void> => {
    isRunning = true
    while (waiting.size > 0) {
      const batch = [...waiting].slice(0, mostKeys)
      for (const [key] of batch) waiting.delete(key)
      try {
        const found = await run(batch.map(([key]) => key))
        for (const [key, { resolve }] of batch) resolve(found.get(key))
      } catch (problem) {
        const failed = [...batch, ...waiting]
        waiting = new Map()
        for (const [, { reject }] of failed) reject(problem)
      }
    }
    isRunning = false
  }

  return (key) => {
    const entry = waiting.get(key) ?? Promise.withResolvers<Value | undefined>()
    waiting.set(key, entry)
    if (!isRunning) void runAll()
    return entry.promise
  }
}
