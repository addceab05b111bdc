import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { freePort } from '../src/cli/local-service.ts'
import { createDailyLife } from './support/daily-life.ts'
import { withEnvironment } from './support/environment.ts'
import { type LoadResult, runLoad } from './support/load.ts'
import { type Environment, type Figure, table } from './support/report.ts'
import { startGatehouse } from './support/server.ts'
import { figure, median, quantile } from './support/statistics.ts'
import { subscribe } from './support/subscribers.ts'
import { openVitalSigns, type VitalSign, vitalSigns } from './support/vital-signs.ts'

// `npm run soak -- --minutes 30`: a steady load at 70 % of what the server can, or of `--rate` requests a second, and whether
// anything grows under it (I18). It ends with 1 where something did. Redis keeps the mark of a session's end for ten minutes, so
// its keys are judged from twenty minutes on.

const connections = 64
const calibrationSeconds = 15
const share = 0.7
const sampleMs = 5_000
const agingMs = 15_000
const socketMs = 500
const socketsAtOnce = 20
const mostFailed = 0.001
const settledMinutes = 20
const settings = {
  SESSION_IDLE_SECONDS: '60',
  SESSION_ABSOLUTE_SECONDS: '90',
  SESSION_RETENTION_DAYS: '1',
  SESSION_LIMIT: '20',
}

type Sample = Record<VitalSign, number>

const soak = async (environment: Environment, minutes: number, rate: number | null): Promise<Figure[]> => {
  const { say } = environment
  const metricsPort = await freePort()
  const server = await startGatehouse(environment, { ...settings, METRICS_PORT: String(metricsPort) })
  const signs = await openVitalSigns(environment, `http://127.0.0.1:${metricsPort}/metrics`)
  const life = await createDailyLife(environment.databaseUrl, connections)
  const load = (seconds: number, mostPerSecond?: number) =>
    runLoad({ port: server.port, connections, ...life, seconds, ...(mostPerSecond && { mostPerSecond }) })
  try {
    const perSecond = rate ?? share * (await capacityOf(load, say))
    say(`soak: ${minutes} minutes at ${figure(perSecond)} requests/s …`)
    const failedBefore = life.failures()
    const samples: Sample[] = []
    const isOver = new AbortController()
    const beside = [
      every(sampleMs, isOver.signal, async () => {
        samples.push(await signs.read())
        if (samples.length % 12 === 0) say(`soak: minute ${samples.length / 12}: ${JSON.stringify(samples.at(-1))}`)
      }),
      every(agingMs, isOver.signal, signs.age),
      comeAndGo(server.port, life.newestToken, isOver.signal),
    ]
    const result = await load(minutes * 60, perSecond).finally(() => {
      isOver.abort()
      return Promise.allSettled(beside)
    })
    await Promise.all(beside)
    const failures = [...life.failures()].map(([code, count]) => [code, count - (failedBefore.get(code) ?? 0)] as const)
    const failed = failures.reduce((sum, [, count]) => sum + count, 0)
    const failedShare = failed / result.latenciesMs.length
    return [
      { what: 'requests/s, and in all', value: `${figure(result.perSecond)}, ${result.latenciesMs.length}` },
      {
        what: 'p50, p99',
        value: `${figure(median(result.latenciesMs))}, ${figure(quantile(result.latenciesMs, 0.99))} ms`,
      },
      {
        what: 'not answered as they should be',
        value: [failed, ...failures.map(([code, count]) => `${code} ${count}`)].join(', '),
        bar: { text: `≤ ${mostFailed * 100} %`, isMet: failedShare <= mostFailed },
      },
      ...growth(samples, minutes),
    ]
  } finally {
    await signs.close()
    await server.stop()
  }
}

const capacityOf = async (load: (seconds: number) => Promise<LoadResult>, say: Environment['say']): Promise<number> => {
  say('soak: finding out what the server can do …')
  return (await load(calibrationSeconds)).perSecond
}

const every = async (ms: number, signal: AbortSignal, work: () => Promise<unknown>): Promise<void> => {
  while (!signal.aborted) {
    await work()
    await wait(ms, undefined, { signal }).catch(() => {})
  }
}

/** Sockets that subscribe, stay a while and leave, always so many at once. */
const comeAndGo = async (port: number, newestToken: () => string, signal: AbortSignal): Promise<void> => {
  const open: { close(): void }[] = []
  let user = 0
  await every(socketMs, signal, async () => {
    const query = 'subscription { sessionEnded { id } }'
    const asked = { port, sessionToken: newestToken(), query, user: user++, onEvent: () => {} }
    const socket = await subscribe(asked).catch(() => null) // its session may be over by now
    if (socket) open.push(socket)
    if (open.length > socketsAtOnce) open.shift()?.close()
  })
  for (const socket of open) socket.close()
}

/** The third quarter of the time against the last one. */
const growth = (samples: readonly Sample[], minutes: number): Figure[] => {
  const quarter = Math.floor(samples.length / 4)
  return vitalSigns.map(({ name, mostGrowth, slack }) => {
    const during = (from: number) => median(samples.slice(from, from + quarter).map((sample) => sample[name]))
    const [third, last] = [during(2 * quarter), during(3 * quarter)]
    const most = third * (1 + mostGrowth) + slack
    return {
      what: `${name}: third quarter, last`,
      value: `${figure(third)}, ${figure(last)}`,
      ...((name !== 'Redis keys' || minutes >= settledMinutes) && {
        bar: { text: `≤ ${figure(most)}`, isMet: last <= most },
      }),
    }
  })
}

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' }, rate: { type: 'string' } } })
const minutes = Number(values.minutes)
const rate = values.rate === undefined ? null : Number(values.rate)
if (!(minutes >= 1 && minutes <= 24 * 60) || !(rate === null || rate >= 1)) {
  console.error('--minutes must be a number from 1 to 1440, and --rate one of 1 or more')
  process.exit(2)
}
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => process.exit(130))
const figures = await withEnvironment(console.log, (environment) => soak(environment, minutes, rate))
console.log(`\n${table(figures)}`)
if (figures.some(({ bar }) => bar && !bar.isMet)) process.exitCode = 1
