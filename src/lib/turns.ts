const mostWaiting = 200
const pollMs = 250 // what another server gives up is not announced here

export interface Turns {
  /** Resolves when somebody ends a turn at `key` in this process, or after a quarter of a second; false when too many wait. */
  wait(key: string): Promise<boolean>
  /** Lets the one go on that waits longest. */
  end(key: string): void
}

/** Lines before what only so many may do at once. */
export const createTurns = (): Turns => {
  const lines = new Map<string, Set<() => void>>()
  return {
    wait(key) {
      const line = lines.get(key) ?? new Set()
      if (line.size >= mostWaiting) return Promise.resolve(false)
      lines.set(key, line)
      return new Promise((resolve) => {
        const go = () => {
          clearTimeout(timer)
          line.delete(go)
          if (line.size === 0) lines.delete(key)
          resolve(true)
        }
        const timer = setTimeout(go, pollMs)
        line.add(go)
      })
    },
    end(key) {
      const [first] = lines.get(key) ?? []
      first?.()
    },
  }
}
