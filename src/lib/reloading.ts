export interface Reloading {
  /** Reads once more, behind the read that is under way. Rejects when it fails. */
  load(): Promise<void>
  /** The same, repeated until it succeeds: a change was announced, or announcements may have been missed. */
  reload(): void
  /** Resolves once no read is under way; a failed one is not repeated any more. */
  stop(): Promise<void>
}

const retryMs = 1_000 // what was revoked or tightened must not stay unknown

/** Keeps what `read` notes up to date: one read after the other, so that the newest is what stays. */
export const createReloading = (read: () => Promise<void>, onProblem: (problem: unknown) => void): Reloading => {
  let loading: Promise<void> = Promise.resolve()
  let isStopped = false
  const load = (): Promise<void> => {
    loading = loading.then(read, read)
    return loading
  }
  const reload = (): void => {
    if (isStopped) return
    load().catch((problem) => {
      if (isStopped) return
      onProblem(problem)
      setTimeout(reload, retryMs).unref()
    })
  }
  return {
    load,
    reload,
    async stop() {
      isStopped = true
      await loading.catch(() => {})
    },
  }
}
