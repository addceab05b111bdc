import type { Metrics } from '../../src/telemetry/metrics.ts'

// Stands in for the module of the built server that counts and times.

const module = new URL('../../dist/telemetry/metrics.js', import.meta.url).href
const real: typeof import('../../src/telemetry/metrics.ts') = await import(module)

let isWatched = true
export const setWatched = (is: boolean): void => {
  isWatched = is
}

export const createMetrics = (): Metrics => {
  const { registry, ...measures } = real.createMetrics()
  const switchable = Object.entries<(...call: never[]) => void>(measures).map(([name, measure]) => [
    name,
    (...call: never[]) => (isWatched ? measure(...call) : undefined),
  ])
  return { registry, ...Object.fromEntries(switchable) }
}
