import { countCalls, total } from './support/counts.ts'
import { type Load, requestText, runLoad } from './support/load.ts'
import type { Benchmark, Environment, Figure } from './support/report.ts'
import { addUsers } from './support/seed.ts'
import { type Server, startBare, startGatehouse } from './support/server.ts'
import { signInAll } from './support/sign-in-all.ts'
import { figure, median, quantile, spread } from './support/statistics.ts'

const connections = 64
const rounds = 20 // short ones: what else the machine does meets both halves of a pair
const roundSeconds = 1
const pacedSeconds = 5
const countedRequests = 1_000
const leastRatio = 0.85
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
    const load = (server: Server, seconds: number, mostPerSecond?: number) =>
      measure(server, texts, { seconds, ...(mostPerSecond && { mostPerSecond }) })
    environment.say('session-check: warming up …')
    for (const server of [bare, gatehouse]) await load(server, 2)
    const counted = await count(environment, gatehouse, texts)

    const measured: Round[] = []
    for (let round = 1; round <= rounds; round++) {
      const constant = await load(bare, roundSeconds)
      const signedIn = await load(gatehouse, roundSeconds)
      measured.push({ constant, signedIn })
      const text = `${figure(signedIn.perSecond)}/s signed in, ${figure(constant.perSecond)}/s constant`
      environment.say(`session-check: round ${round} of ${rounds}: ${text}`)
    }
    const half = median(measured.map(({ signedIn }) => signedIn.perSecond)) / 2
    environment.say(`session-check: at ${figure(half)} requests/s …`)
    const paced = await load(gatehouse, pacedSeconds, half)
    return [...figures(measured, paced), ...counted]
  } finally {
    await Promise.all([gatehouse.stop(), bare.stop()])
  }
}

type Measured = Awaited<ReturnType<typeof measure>>

interface Round {
  readonly constant: Measured
  readonly signedIn: Measured
}

const measure = async (server: Server, texts: readonly string[], limits: Pick<Load, 'seconds' | 'mostPerSecond'>) => {
  const cpuBefore = await server.cpuMs()
  const next = (connection: number) => texts[connection] as string
  const { latenciesMs, perSecond } = await runLoad({ port: server.port, connections, next, ...limits })
  const cpuMicros = (((await server.cpuMs()) - cpuBefore) * 1000) / latenciesMs.length
  return { perSecond, cpuMicros, p50: quantile(latenciesMs, 0.5), p99: quantile(latenciesMs, 0.99) }
}

const figures = (measured: readonly Round[], paced: Measured): Figure[] => {
  const ours = (value: keyof Measured) => measured.map(({ signedIn }) => signedIn[value])
  const theirs = (value: keyof Measured) => measured.map(({ constant }) => constant[value])
  const ratios = (value: keyof Measured, way: 1 | -1) =>
    measured.map(({ signedIn, constant }) => (signedIn[value] / constant[value]) ** way)
  const throughput = ratios('perSecond', 1)
  const p99 = ours('p99')
  return [
    {
      what: `unguarded, a constant answer: requests/s over ${connections} connections`,
      value: spread(theirs('perSecond')),
    },
    { what: 'guarded, signed in: requests/s', value: spread(ours('perSecond')) },
    {
      what: 'guarded / unguarded',
      value: spread(throughput),
      bar: { text: `≥ ${leastRatio}`, isMet: median(throughput) >= leastRatio },
    },
    { what: "server's CPU a request, unguarded", value: `${spread(theirs('cpuMicros'))} µs` },
    { what: "server's CPU a request, guarded", value: `${spread(ours('cpuMicros'))} µs` },
    { what: 'unguarded / guarded, by CPU', value: spread(ratios('cpuMicros', -1)) },
    { what: 'guarded, p50, as fast as it goes', value: `${spread(ours('p50'))} ms` },
    {
      what: 'guarded, p99, as fast as it goes',
      value: `${spread(p99)} ms`,
      bar: { text: `< ${mostP99Ms} ms`, isMet: median(p99) < mostP99Ms },
    },
    {
      what: `guarded, p99 at ${figure(paced.perSecond)} requests/s, about half of that`,
      value: `${figure(paced.p99)} ms`,
      bar: { text: `< ${mostP99Ms} ms`, isMet: paced.p99 < mostP99Ms },
    },
  ]
}

/** Commands and statements a request, counted soon after sign-in: once a minute a session's last use is written down. */
const count = async (environment: Environment, server: Server, texts: readonly string[]): Promise<Figure[]> => {
  let asked = 0
  const next = (connection: number) => (asked++ < countedRequests ? (texts[connection] as string) : null)
  const { redis, sql, ignored } = await countCalls(environment, () => runLoad({ port: server.port, connections, next }))
  const list = (calls: ReadonlyMap<string, number>) =>
    [...calls].map(([what, times]) => `${times} ${what}`).join(', ') || 'none'
  environment.say(
    `session-check: ${countedRequests} requests: Redis: ${list(redis)}; SQL: ${list(sql)}; left out as the server's own: ${list(ignored)}`,
  )
  return [
    {
      what: 'Redis commands a request',
      value: String(total(redis) / countedRequests),
      bar: { text: '1', isMet: total(redis) === countedRequests },
    },
    {
      what: 'SQL statements a request',
      value: String(total(sql) / countedRequests),
      bar: { text: '0', isMet: total(sql) === 0 },
    },
  ]
}
