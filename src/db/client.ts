import type { PgDatabase } from 'drizzle-orm/pg-core'
import { drizzle, type PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js'
import postgres, { type Sql } from 'postgres'
import { AppError, failureIn } from '../failure.ts'
import { DeadlineExceeded, withDeadline } from '../lib/deadline.ts'
import { traced } from '../lib/request-scope.ts'
import { type Listener, type ListenerOptions, startListening } from './listener.ts'

/** Where stores run their statements: the shared connections, or one transaction. */
export type Db = PgDatabase<PostgresJsQueryResultHKT>

const statementDeadlineMs = 2_000 // with Redis' own, a request still ends inside the promised 3 s
const usualPatienceMs = 60_000 // counting a month of events
const mostPipelined = 100
const pipelinedConnections = 2 // few: pipelined on one connection PostgreSQL answers five times as many as over ten
const patientConnections = 1 // each: one archives, one verifies
const writingConnections = 8
const transactionConnections = 6
const earlierMs = 200 // so much sooner the server gives a statement up than we do: what we call failed did not happen after all

/** Made by the migrations. Whatever role the URL names, statements have the rights of this one: it can't alter the security log. */
const applicationRole = 'gatehouse_app'
/** May drop a month that stands in the archives, besides. Not every server's login is a member of it. */
const archiverRole = 'gatehouse_archiver'

export interface Database {
  /** For reads, pipelined. Nothing that may wait for a lock goes here: what comes behind it would wait too. */
  readonly reading: Db
  /** For single statements that write: one at a time on a connection. */
  readonly writing: Db
  /** For transactions, each on a connection of its own while it lasts. */
  readonly transactional: Db
  /** For statements and transactions that may take a minute, or as long as `patienceMs` says: on connections that are opened when one comes. */
  readonly patient: Db
  /** The same, with the rights to archive. */
  readonly archiving: Db
  /** Gives up the statements that may take a minute, those under way and those to come: SERVICE_DEGRADED. */
  endPatience(): void
  /** Listens for NOTIFY until `close`. While PostgreSQL does not answer there, statements are refused at once. */
  listen(callbacks: Pick<ListenerOptions, 'onMessage' | 'onListening' | 'onInterrupted'>): Promise<void>
  ping(): Promise<void>
  /** How busy it is at this moment. */
  load(): DatabaseLoad
  close(): Promise<void>
}

export interface DatabaseLoad {
  /** Whether notifications arrive; statements are refused while they don't. */
  readonly isReachable: boolean
  readonly pools: readonly PoolLoad[]
}

/** A pool has room for so many statements or transactions at once: `running` fill it, `waiting` find it full. */
export interface PoolLoad {
  readonly name: string
  readonly room: number
  readonly running: number
  readonly waiting: number
}

/** Is told of each statement and transaction that ended, and whether PostgreSQL answered it in time. */
export type ObserveStatement = (pool: string, seconds: number, wasAnswered: boolean) => void

/** Opens the connection pools. Every statement has a deadline here: a frozen server's own timeout never fires. */
export const openDatabase = (
  url: string,
  {
    patienceMs = usualPatienceMs,
    observe = () => {},
  }: { patienceMs?: number | undefined; observe?: ObserveStatement } = {},
): Database => {
  const readers = openPool(url, 'reading', pipelinedConnections, mostPipelined)
  const writers = openPool(url, 'writing', writingConnections, 1)
  const transactions = openPool(url, 'transactional', transactionConnections, mostPipelined)
  const patients = openPool(url, 'patient', patientConnections, 1, patienceMs)
  const archivers = openPool(url, 'archiving', patientConnections, 1, patienceMs, archiverRole)
  const pools = [readers, writers, transactions, patients, archivers]
  let isReachable = true
  let isPatient = true
  let listener: Listener | undefined

  const boundedBy =
    (deadlineMs: number): Bounded =>
    (work) => {
      if (!isReachable) return Promise.reject(new AppError('SERVICE_DEGRADED'))
      return withDeadline(work(), deadlineMs, 'PostgreSQL').catch((problem) => {
        throw translate(problem)
      })
    }
  const bounded = boundedBy(statementDeadlineMs)
  const patientlyBounded: Bounded = (work) =>
    isPatient ? boundedBy(patienceMs)(work) : Promise.reject(new AppError('SERVICE_DEGRADED'))

  const observed =
    ({ name, run }: Pool, bound: Bounded): Bounded =>
    async (work) => {
      const startedAt = performance.now()
      const observeEnd = (wasAnswered: boolean) => observe(name, (performance.now() - startedAt) / 1000, wasAnswered)
      try {
        const result = await bound(() => run(work))
        observeEnd(true)
        return result
      } catch (problem) {
        observeEnd(failureIn(problem)?.code !== 'SERVICE_DEGRADED')
        throw problem
      }
    }

  return {
    reading: drizzle(withStatementDeadlines(readers.client, observed(readers, bounded))),
    writing: drizzle(withStatementDeadlines(writers.client, observed(writers, bounded))),
    transactional: drizzle(withStatementDeadlines(transactions.client, observed(transactions, bounded), bounded)),
    patient: drizzle(withStatementDeadlines(patients.client, observed(patients, patientlyBounded))),
    archiving: drizzle(withStatementDeadlines(archivers.client, observed(archivers, patientlyBounded))),
    endPatience() {
      isPatient = false
      for (const pool of [patients, archivers]) pool.renew()
    },
    async listen({ onMessage, onListening, onInterrupted }) {
      listener = await startListening({
        url,
        onMessage,
        onInterrupted,
        onListening() {
          isReachable = true
          onListening()
        },
        onUnreachable() {
          if (!isReachable) return
          isReachable = false
          for (const pool of pools) pool.renew() // what hangs on a dead path hangs for minutes
        },
      })
    },
    async ping() {
      await bounded(() => readers.client()`select 1`)
    },
    load: () => ({ isReachable, pools: pools.map(({ name, load }) => ({ name, ...load() })) }),
    async close() {
      await listener?.close()
      await Promise.all(pools.map((pool) => pool.client().end({ timeout: 2 })))
    },
  }
}

type Bounded = <T>(work: () => PromiseLike<T>) => Promise<T>
type Pool = ReturnType<typeof openPool>

/** Connections that can be given up all at once, for new ones. */
const openPool = (
  url: string,
  name: 'reading' | 'writing' | 'transactional' | 'patient' | 'archiving',
  max: number,
  maxPipeline: number,
  deadlineMs = statementDeadlineMs,
  role = applicationRole,
) => {
  const open = (): Sql => {
    const options = {
      max,
      max_pipeline: maxPipeline, // which the library takes and its types leave out
      connect_timeout: 2,
      backoff: () => 0.3,
      fetch_types: false, // a connection that is lost before it answers rejects a promise that nobody has: stores write arrays themselves
      ...(deadlineMs > statementDeadlineMs && { idle_timeout: 20 }),
      onnotice: () => {},
      connection: {
        application_name: 'gatehouse',
        role,
        statement_timeout: deadlineMs - earlierMs,
        idle_in_transaction_session_timeout: 3_000,
      },
    }
    const client = postgres(url, options)
    drizzle(client) // sets the client to hand values over as text, which Drizzle reads itself
    return client
  }
  let client = open()
  const room = name === 'transactional' ? max : max * maxPipeline // a transaction has a connection to itself
  let underWay = 0
  return {
    name,
    client: () => client,
    /** Counts what is asked until it is answered, or its connection is gone: a deadline does not free the connection. */
    run<T>(work: () => PromiseLike<T>): PromiseLike<T> {
      underWay++
      const done = work()
      const leave = () => void underWay--
      done.then(leave, leave)
      return done
    },
    load: () => ({ room, running: Math.min(underWay, room), waiting: Math.max(underWay - room, 0) }),
    renew(): void {
      client.end({ timeout: 0 }).catch(() => {})
      client = open()
    },
  }
}

/**
 * Drizzle sends every statement through `unsafe` and every transaction through `begin`; both get a deadline, and
 * statements are prepared once a connection. `inside` bounds the statements of a transaction, whose time is counted as a whole.
 */
const withStatementDeadlines = (client: () => Sql, bounded: Bounded, inside = bounded): Sql =>
  new Proxy(client(), {
    get(_first, property) {
      if (property === 'unsafe') {
        return (text: string, parameters: never[]) => {
          const query = () => client().unsafe(text, parameters, { prepare: true })
          const send = <T>(work: () => PromiseLike<T>) => traced('postgresql', text, () => bounded(work))
          return {
            // biome-ignore lint/suspicious/noThenProperty: it stands in for a query of postgres.js, sent once it is awaited
            then: (...callbacks: Parameters<PromiseLike<unknown>['then']>) => send(query).then(...callbacks),
            values: () => send(() => query().values()),
          }
        }
      }
      if (property === 'begin')
        return (work: (tx: Sql) => Promise<unknown>) => beginWithDeadline(client(), work, bounded, inside)
      return Reflect.get(client(), property)
    },
  })

/** Once the caller was told of the failure, nothing more is done, and what was done rolls back. */
const beginWithDeadline = (
  client: Sql,
  work: (tx: Sql) => Promise<unknown>,
  bounded: Bounded,
  inside: Bounded,
): Promise<unknown> => {
  let isAbandoned = false
  const insist = (): void => {
    if (isAbandoned) throw new Error('The caller gave this transaction up')
  }
  const transaction = () =>
    client.begin(async (tx) => {
      insist()
      const result = await work(withStatementDeadlines(() => tx as unknown as Sql, inside))
      insist()
      return result
    })
  return bounded(transaction).catch((problem) => {
    isAbandoned = true
    throw problem
  })
}

const unavailable =
  /^(08|57P|53)|^(57014|CONNECTION_|CONNECT_TIMEOUT|ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH)/

/** A server that is gone, frozen, overloaded or shutting down is SERVICE_DEGRADED; any other error stays as it is. */
const translate = (problem: unknown): unknown => {
  const code = (problem as { code?: unknown } | null)?.code
  const isUnavailable = problem instanceof DeadlineExceeded || (typeof code === 'string' && unavailable.test(code))
  return isUnavailable ? Object.assign(new AppError('SERVICE_DEGRADED'), { cause: problem }) : problem
}
