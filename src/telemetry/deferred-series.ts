import type { Counter, Histogram } from 'prom-client'

const mostKept = 256

/**
 * Series of prom-client that are added to in a few nanoseconds. The library looks the labels up each time, which costs a request,
 * whose own code has the processor's caches, several times what it costs many in a row: so it is told in a row.
 */
export const createDeferredSeries = () => {
  const handOvers: (() => void)[] = []
  return {
    /** Tells the library of all that it was not told yet: to be done before it is read. */
    handOver(): void {
      for (const handOver of handOvers) handOver()
    },

    counted(counter: Counter.Internal): (times?: number) => void {
      let counted = 0
      handOvers.push(() => {
        counter.inc(counted)
        counted = 0
      })
      return (times = 1) => {
        counted += times
      }
    },

    observed(histogram: Histogram.Internal<string>): (value: number) => void {
      let kept: number[] = []
      const handOver = (): void => {
        const told = kept
        kept = []
        for (const value of told) histogram.observe(value)
      }
      handOvers.push(handOver)
      return (value) => {
        if (kept.push(value) === mostKept) handOver()
      }
    },
  }
}
