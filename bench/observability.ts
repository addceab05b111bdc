import { requestText, runLoad } from './support/load.ts'
import type { Benchmark } from './support/report.ts'
import { addUsers } from './support/seed.ts'
import { startWatched } from './support/server.ts'
import { signInAll } from './support/sign-in-all.ts'
import { figure, median, quantile, spread } from './support/statistics.ts'

const connections = 64
const rounds = 600 // one differs from the next by ten times what is to be found out
const warmUps = 20
const roundRequests = 1_500
const leastRatio = 0.97
const query = '{ me { id email } }'

/** What metrics, and the scope that logs and traces take the request from, cost a signed-in query: off and on by turns. */
export const observability: Benchmark = async (environment) => {
  const users = await addUsers(environment.databaseUrl, 'observed', connections)
  const server = await startWatched(environment)
  try {
    const tokens = await signInAll(server, users)
    const texts = tokens.map((sessionToken, user) => requestText({ query, user, sessionToken }))
    const cpuMicros = async (state: 'watched' | 'unwatched'): Promise<number> => {
      let asked = 0
      const next = (connection: number) => (asked++ < roundRequests ? (texts[connection] as string) : null)
      const before = await server.cpuMs(state)
      await runLoad({ port: server.port, connections, next })
      return (((await server.cpuMs()) - before) * 1000) / roundRequests
    }
    const pairs: { readonly on: number; readonly off: number }[] = []
    for (let round = 0; round < warmUps + rounds; round++) {
      const first = await cpuMicros(round % 2 === 0 ? 'watched' : 'unwatched')
      const second = await cpuMicros(round % 2 === 0 ? 'unwatched' : 'watched')
      if (round >= warmUps) pairs.push(round % 2 === 0 ? { on: first, off: second } : { on: second, off: first })
    }
    const ratios = pairs.map(({ on, off }) => off / on)
    const [lower, upper] = [quantile(ratios, 0.25), quantile(ratios, 0.75)]
    return [
      { what: "server's CPU a request, watched", value: `${spread(pairs.map(({ on }) => on))} µs` },
      { what: "server's CPU a request, unwatched", value: `${spread(pairs.map(({ off }) => off))} µs` },
      { what: 'unwatched / watched, by CPU, quartiles', value: `${figure(lower)} to ${figure(upper)}` },
      {
        what: 'unwatched / watched, by CPU',
        value: figure(median(ratios)),
        bar: { text: `≥ ${leastRatio}`, isMet: median(ratios) >= leastRatio },
      },
    ]
  } finally {
    await server.stop()
  }
}
