import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { migrate } from '../src/db/migrate.ts'
import type { Benchmark, Figure } from './support/report.ts'
import { figure, median, spread } from './support/statistics.ts'

/** What a recorder is to do: record so many events in one of three ways, so many of them at a time. */
export interface AuditWork {
  readonly how: 'sealed' | 'one statement' | 'a statement a table'
  readonly events: number
  readonly inFlight: number
}

export interface AuditReply {
  /** Until the last event was committed, and, where it is, sealed and announced. */
  readonly ms: number
  readonly recordedMs: number
  readonly cpuMicros: number
  readonly longestStallMs: number
}

const rounds = 12
const eventsARound = 20_000
const inFlight = 400 // two full batches of the server: one under way, one that waits
const leastRatio = 0.8
const plainName = 'plain_log'

/**
 * Events a second through one server until all are sealed and announced, against inserts of the same rows in batches of the
 * same size through the same client, into the same tables without the outbox.
 */
export const audit: Benchmark = async ({ databaseUrl, say }) => {
  const plainUrl = await createPlainLog(databaseUrl)
  const observer = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  const recorder = fork(fileURLToPath(new URL('./servers/recorder.ts', import.meta.url)), {
    env: { PATH: process.env.PATH, DATABASE_URL: databaseUrl, PLAIN_DATABASE_URL: plainUrl },
    execArgv: process.execArgv.filter((flag) => flag.startsWith('--cpu-prof')),
  })
  try {
    await once(recorder, 'message')
    const measure = (how: AuditWork['how'], events = eventsARound) => ask(recorder, { how, events, inFlight })
    say('audit: warming up …')
    const ways = ['one statement', 'sealed', 'a statement a table'] as const
    for (const how of ways) await measure(how)
    await observer`create extension if not exists pg_stat_statements`
    await observer`select pg_stat_statements_reset()`
    const measured: Record<AuditWork['how'], AuditReply>[] = []
    for (let round = 1; round <= rounds; round++) {
      const order = round % 2 === 0 ? ways : ways.toReversed()
      const replies = new Map<AuditWork['how'], AuditReply>()
      for (const how of order) replies.set(how, await measure(how))
      const result = Object.fromEntries(replies) as Record<AuditWork['how'], AuditReply>
      measured.push(result)
      const rates = ways.map((how) => `${figure(perSecond(result[how]))}/s ${how}`)
      say(`audit: round ${round} of ${rounds}: ${rates.join(', ')}`)
    }
    return [...figures(measured), ...(await costs(observer, measured.length * eventsARound))]
  } finally {
    recorder.disconnect()
    await observer.end()
  }
}

const perSecond = ({ ms }: AuditReply): number => (eventsARound / ms) * 1000

const ask = async (recorder: ChildProcess, work: AuditWork): Promise<AuditReply> => {
  const reply = once(recorder, 'message')
  recorder.send(work)
  return (await reply)[0] as AuditReply
}

/** The tables of the log in a database of their own, without what the relay needs. */
const createPlainLog = async (databaseUrl: string): Promise<string> => {
  const server = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  await server.unsafe(`drop database if exists ${plainName}`)
  await server.unsafe(`create database ${plainName}`)
  await server.end()
  const url = new URL(databaseUrl)
  url.pathname = `/${plainName}`
  await migrate(url.href)
  const plain = postgres(url.href, { max: 1, onnotice: () => {} })
  await plain`drop trigger security_events_enqueue on security_events`
  await plain.end()
  return url.href
}

const figures = (measured: readonly Record<AuditWork['how'], AuditReply>[]): Figure[] => {
  const of = (how: AuditWork['how'], value: (reply: AuditReply) => number) => measured.map((round) => value(round[how]))
  const plain = measured.map((round) =>
    Math.max(perSecond(round['one statement']), perSecond(round['a statement a table'])),
  )
  const ratios = measured.map(({ sealed }, round) => perSecond(sealed) / (plain[round] as number))
  const isMet = median(ratios) >= leastRatio
  return [
    { what: 'events/s recorded, sealed and announced', value: spread(of('sealed', perSecond)) },
    { what: 'events/s inserted, one statement', value: spread(of('one statement', perSecond)) },
    { what: 'events/s inserted, a statement a table', value: spread(of('a statement a table', perSecond)) },
    { what: 'sealed / the faster of the two', value: spread(ratios), bar: { text: `>= ${leastRatio}`, isMet } },
    {
      what: 'last sealed after its commit, ms',
      value: spread(of('sealed', ({ ms, recordedMs }) => ms - recordedMs)),
    },
    ...(['sealed', 'one statement'] as const).flatMap((how) => [
      { what: `longest stall of the event loop, ${how}, ms`, value: spread(of(how, (reply) => reply.longestStallMs)) },
      {
        what: `CPU of the server, ${how}, µs an event`,
        value: spread(of(how, (reply) => reply.cpuMicros / eventsARound)),
      },
    ]),
  ]
}

/** What the statements of each part took in PostgreSQL, waiting included. */
const parts: readonly (readonly [part: string, database: string | null, statement: string])[] = [
  ['recording without an outbox', plainName, '%with report as (%'],
  ['recording', null, '%with report as (%'],
  ['reading the outbox', null, '%select ordinal%'],
  ['sealing', null, '%with moved as (%'],
]

const costs = async (observer: postgres.Sql, events: number): Promise<Figure[]> =>
  Promise.all(
    parts.map(async ([part, database, statement]) => {
      const [row] = await observer<{ micros: number; calls: number }[]>`
        select sum(total_exec_time) * 1000 micros, sum(calls)::int calls from pg_stat_statements
        where dbid = (select oid from pg_database where datname = coalesce(${database}, current_database()))
          and query not like '%pg_stat_statements%' and regexp_replace(query, '\\s+', ' ', 'g') ilike ${statement}`
      const { micros = 0, calls = 0 } = row ?? {}
      const value = `${figure(micros / events)}, ${figure(events / calls)} events a statement`
      return { what: `µs of PostgreSQL an event, ${part}`, value }
    }),
  )
