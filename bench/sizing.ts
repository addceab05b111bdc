import { requestText, runLoad } from './support/load.ts'
import type { Benchmark, Environment, Figure } from './support/report.ts'
import { type Server, startGatehouse } from './support/server.ts'
import { figure, median, quantile, spread } from './support/statistics.ts'
import { storeRows } from './support/stored-rows.ts'
import { type StoredSessions, storeSessions } from './support/stored-sessions.ts'

const sizes = [1_000, 100_000, 1_000_000] as const
const severalPerUser = { sessions: 99_999, perUser: 3 }
const rounds = 40
const loneRequests = 400
const connections = 64
const pacedPerSecond = 1_000
const pacedRequests = 500
const mostRatio = 1.1
const fullSpeedSeconds = 5
const rowCount = 100_000
const query = '{ me { id email } }'

/** What a session takes in Redis and in PostgreSQL, and whether its check is as quick among a million as among a thousand. */
export const sizing: Benchmark = async (environment) => [
  ...(await measureRedis(environment)),
  ...(await measurePostgres(environment)),
]

const measureRedis = async (environment: Environment): Promise<Figure[]> => {
  const stored: StoredSessions[] = []
  const servers: Server[] = []
  const store = async (sessions: number, perUser: number) => {
    environment.say(`sizing: ${figure(sessions)} sessions, ${perUser} a user …`)
    const some = await storeSessions(environment, sessions, perUser)
    stored.push(some)
    return some
  }
  try {
    const several = await store(severalPerUser.sessions, severalPerUser.perUser)
    for (const sessions of sizes) await store(sessions, 1)
    const single = stored.slice(1)
    for (const { url } of single) servers.push(await startGatehouse({ ...environment, redisUrl: url }))
    const places = single.map((some, index) => ({ ...some, server: servers[index] as Server }))
    return [
      ...single.slice(1).flatMap((some) => memoryFigures(some, 'one a user')),
      ...memoryFigures(several, `${severalPerUser.perUser} a user`),
      ...(await compareChecks(environment, places)),
    ]
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
    await Promise.all(stored.map(({ stop }) => stop()))
  }
}

const memoryFigures = ({ sessions, before, after }: StoredSessions, called: string): Figure[] => {
  const used = after.usedBytes - before.usedBytes
  const keysPerSession = (after.keys - before.keys) / sessions
  const mebibytes = figure(Math.round(after.residentBytes / 2 ** 20))
  return [
    {
      what: `Redis: bytes a session among ${figure(sessions)}, ${called}, in ${keysPerSession.toFixed(2)} keys`,
      value: figure(Math.round(used / sessions)),
    },
    {
      what: 'its resident memory, and that in relation to what it uses',
      value: `${mebibytes} MiB, ${figure(after.residentBytes / after.usedBytes)}`,
    },
  ]
}

/** One Redis with its sessions, and a server on it. */
interface Place extends StoredSessions {
  readonly server: Server
}

const compareChecks = async ({ say }: Environment, places: readonly Place[]): Promise<Figure[]> => {
  const check = ({ tokens }: Place) => {
    const user = Math.floor(Math.random() * tokens.length)
    return requestText({ query, user, sessionToken: tokens[user] as string })
  }
  const ask = async (place: Place, load: { connections: number; requests: number; mostPerSecond?: number }) => {
    const { requests, ...rest } = load
    let asked = 0
    const next = () => (asked++ < requests ? check(place) : null)
    return median((await runLoad({ port: place.server.port, next, ...rest })).latenciesMs)
  }
  const loneRound = (place: Place) => ask(place, { connections: 1, requests: loneRequests })
  const pacedRound = (place: Place) =>
    ask(place, { connections, requests: pacedRequests, mostPerSecond: pacedPerSecond })

  say('sizing: warming up …')
  for (const place of places)
    await runLoad({ port: place.server.port, connections, seconds: 2, next: () => check(place) })
  const lone: number[][] = places.map(() => [])
  const paced: number[][] = places.map(() => [])
  for (let round = 1; round <= rounds; round++) {
    for (let turn = 0; turn < places.length; turn++) {
      const index = (round + turn) % places.length // none is always the first
      lone[index]?.push(await loneRound(places[index] as Place))
      paced[index]?.push(await pacedRound(places[index] as Place))
    }
    if (round % 10 === 0) say(`sizing: round ${round} of ${rounds}`)
  }
  const largest = places.at(-1) as Place
  const cpu = async () => ({ server: await largest.server.cpuMs(), redis: await largest.cpuMs() })
  const cpuBefore = await cpu()
  const { perSecond, latenciesMs } = await runLoad({
    port: largest.server.port,
    connections,
    seconds: fullSpeedSeconds,
    next: () => check(largest),
  })
  const cpuAfter = await cpu()
  const micros = (who: 'server' | 'redis') => ((cpuAfter[who] - cpuBefore[who]) * 1000) / latenciesMs.length
  return [
    ...p50Figures('one connection', lone),
    ...p50Figures(`${connections} connections at ${figure(pacedPerSecond)} requests/s`, paced),
    {
      what: `checks/s among ${figure(sizes.at(-1) as number)}, as fast as one server goes; p99`,
      value: `${figure(perSecond)}; ${figure(quantile(latenciesMs, 0.99))} ms`,
    },
    costFigure("server's", micros('server')),
    costFigure("Redis's", micros('redis')),
  ]
}

const costFigure = (whose: string, micros: number): Figure => ({
  what: `${whose} CPU a check, so checks/s a core`,
  value: `${figure(micros)} µs, ${figure(Math.round(1e6 / micros))}`,
})

const p50Figures = (called: string, measured: readonly (readonly number[])[]): Figure[] => {
  const [fewest, ...more] = measured as [readonly number[], ...(readonly number[])[]]
  return [
    {
      what: `check, p50 over ${called}, among ${figure(sizes[0])} sessions`,
      value: `${spread(fewest)} ms`,
    },
    ...more.map((values, index): Figure => {
      const ratios = values.map((value, round) => value / (fewest[round] as number))
      return {
        what: `among ${figure(sizes[index + 1] as number)} / among ${figure(sizes[0])}`,
        value: spread(ratios),
        bar: { text: `≤ ${mostRatio}`, isMet: median(ratios) <= mostRatio },
      }
    }),
  ]
}

const measurePostgres = async (environment: Environment): Promise<Figure[]> => {
  environment.say(`sizing: ${figure(rowCount)} users, sessions and sign-ins in PostgreSQL …`)
  const { bytes, touchedBytes, touchesPerSecond, heapOnlyShare } = await storeRows(environment, rowCount)
  const whole = (value: number) => figure(Math.round(value))
  return [
    {
      what: `PostgreSQL: bytes a session among ${figure(rowCount)}, with indexes`,
      value: whole(bytes.session),
    },
    { what: 'the same once each was used again, before a vacuum', value: whole(touchedBytes) },
    { what: 'bytes of the two events of a sign-in, with indexes', value: whole(bytes.events) },
    { what: 'bytes a user, with indexes', value: whole(bytes.user) },
    { what: "writes of lastSeenAt/s over one server's connections", value: whole(touchesPerSecond) },
    { what: 'of them, those that touch no index', value: `${whole(heapOnlyShare * 100)} %` },
  ]
}
