/** Shares one running call among all who ask for the same key meanwhile, so that a cache emptied under load costs one read a key. */
export const createSingleFlight = <T>(): ((key: string, work: () => Promise<T>) => Promise<T>) => {
  const running = new Map<string, Promise<T>>()
  return (key, work) => {
    const started = running.get(key)
    if (started) return started
    const flight = work().finally(() => running.delete(key))
    running.set(key, flight)
    return flight
  }
}
