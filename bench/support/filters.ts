import { requestText, runLoad } from './load.ts'
import type { Figure } from './report.ts'
import type { Server } from './server.ts'
import { figure, quantile } from './statistics.ts'

const seconds = 4
const readsPerSecond = 50
const mostP99Ms = 50

/** How long pages take that a query lists by each of these filters, asked for by one who may. */
export const measureFilters = async (
  { port }: Server,
  sessionToken: string,
  query: string,
  filters: Readonly<Record<string, object>>,
): Promise<Figure[]> => {
  const figures: Figure[] = []
  for (const [what, filter] of Object.entries(filters)) {
    const next = () => requestText({ query, variables: { first: 20, filter }, user: 0, sessionToken })
    const load = { port, connections: 4, next, mostPerSecond: readsPerSecond }
    await runLoad({ ...load, seconds: 1 })
    const { latenciesMs } = await runLoad({ ...load, seconds })
    const p99 = quantile(latenciesMs, 0.99)
    figures.push({
      what: `${what}: p50, p99`,
      value: `${figure(quantile(latenciesMs, 0.5))} ms, ${figure(p99)} ms`,
      bar: { text: `p99 < ${mostP99Ms} ms`, isMet: p99 < mostP99Ms },
    })
  }
  return figures
}
