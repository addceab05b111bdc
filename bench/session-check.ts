import { requestText, runLoad } from './support/load.ts'
import { countCalls, total } from './support/counts.ts'
import type { Benchmark, Environment, Figure } from './support/report.ts'
import { addUsers } from './support/seed.ts'
import { type Server, startBare, startGatehouse } from './support/server.ts'
import { signInAll } from './support/sign-in-all.ts'
import { figure, median, pairedRatios, quantile, spread } from './support/statistics.ts'

const connections = 64
const rounds = 7
const roundSeconds = 2
const countedRequests = 1_000
const leastRatio = 0.8
const mostP99Ms = 5
const query = '{ me { id email } }'

/** A signed-in query against the same query with a constant for an answer, on the same web server. */
export const sessionCheck: Benchmark = async (environment) => {
  const users = await addUsers(environment.databaseUrl, 'check', connections)
  const gatehouse = await startGatehouse(environment)
  const bare = await startBare()
  try {
    const tokens = await signInAll(gatehouse, users)
    const texts = tokens.map((sessionToken, user) => requestText({ query, user, sessionToken }))
    const load = (server: Server, seconds: number) => measure(server, texts, seconds)
    environment.say('session-check: warming up …')
    for (const server of [bare, gatehouse]) await load(server, 2)
    const counted = await count(environment, gatehouse, texts)

    const measured = []
    for (let round = 1; round <= rounds; round++) {
      const constant = await load(bare, roundSeconds)
      const signedIn = await load(gatehouse, roundSeconds)
      measured.push({ constant, signedIn })
      environment.say(`session-check: round ${round} of ${rounds}: ${figure(signedIn.perSecond)}/s signed in, ${figure(constant.perSecond)}/s constant`)
    }
    return [...figures(measured), ...counted]
  } finally {
    await Promise.all([gatehouse.stop(), bare.stop()])
  }
}

type Round = Record<'constant' | 'signedIn', Awaited<ReturnType<typeof measure>>>

const measure = async (server: Server, texts: readonly string[], seconds: number) => {
  const cpuBefore = await server.cpuMs()
  const { latenciesMs, perSecond } = await runLoad({ port: server.port, connections, seconds, next: (connection) => texts[connection] as string })
  const cpuMicros = (((await server.cpuMs()) - cpuBefore) * 1000) / latenciesMs.length
  return { perSecond, cpuMicros, p50: quantile(latenciesMs, 0.5), p99: quantile(latenciesMs, 0.99) }
}

const figures = (rounds: readonly Round[]): Figure[] => {
  const ours = (value: 'perSecond' | 'cpuMicros' | 'p50' | 'p99') => rounds.map(({ signedIn }) => signedIn[value])
  const theirs = (value: 'perSecond' | 'cpuMicros') => rounds.map(({ constant }) => constant[value])
  const ratios = pairedRatios(rounds.map(({ signedIn, constant }) => ({ ours: signedIn.perSecond, bare: constant.perSecond })))
  const p99 = ours('p99')
  return [
    { what: `constant answer, requests/s over ${connections} connections`, value: spread(theirs('perSecond')) },
    { what: 'signed in, requests/s', value: spread(ours('perSecond')) },
    { what: 'signed in / constant', value: spread(ratios), bar: { text: `≥ ${leastRatio}`, isMet: median(ratios) >= leastRatio } },
    { what: "server's CPU a request, constant, signed in", value: `${figure(median(theirs('cpuMicros')))}, ${figure(median(ours('cpuMicros')))} µs` },
    { what: 'signed in, p50', value: `${spread(ours('p50'))} ms` },
    { what: 'signed in, p99', value: `${spread(p99)} ms`, bar: { text: `< ${mostP99Ms} ms`, isMet: median(p99) < mostP99Ms } },
  ]
}

/** Commands and statements a request, counted soon after sign-in: once a minute a session's last use is written down. */
const count = async (environment: Environment, server: Server, texts: readonly string[]): Promise<Figure[]> => {
  let asked = 0
  const next = (connection: number) => (asked++ < countedRequests ? (texts[connection] as string) : null)
  const { redis, sql, ignored } = await countCalls(environment, () => runLoad({ port: server.port, connections, next }))
  const list = (calls: ReadonlyMap<string, number>) => [...calls].map(([what, times]) => `${times} ${what}`).join(', ') || 'none'
  environment.say(`session-check: ${countedRequests} requests: Redis: ${list(redis)}; SQL: ${list(sql)}; left out as the server's own: ${list(ignored)}`)
  return [
    { what: 'Redis commands a request', value: String(total(redis) / countedRequests), bar: { text: '1', isMet: total(redis) === countedRequests } },
    { what: 'SQL statements a request', value: String(total(sql) / countedRequests), bar: { text: '0', isMet: total(sql) === 0 } },
  ]
}
