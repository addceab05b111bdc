import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { createDeferredSeries } from './deferred-series.ts'
import { endReasonOf, methodOf, type SealedEvent, timesOf } from './sealed-events.ts'

export type Metrics = ReturnType<typeof createMetrics>

const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5]
const storeBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2]

/**
 * What Prometheus reads of a server, once `handOver` was called. The values of labels are names of ours, never what a client sent.
 */
export const createMetrics = () => {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  const httpRequests = new Counter({
    name: 'gatehouse_http_requests_total',
    help: 'HTTP requests answered, by the route (none where there is none) and the status.',
    labelNames: ['route', 'status'],
    registers,
  })
  const graphqlRequests = new Counter({
    name: 'gatehouse_graphql_requests_total',
    help: 'GraphQL operations over HTTP, by the field of the root (several, introspection, or invalid where the document is) and the code of the first error, or OK.',
    labelNames: ['field', 'code'],
    registers,
  })
  const graphqlDuration = new Histogram({
    name: 'gatehouse_graphql_request_duration_seconds',
    help: 'From the arrival of a request to its answer, by the field of the root.',
    labelNames: ['field'],
    buckets: requestBuckets,
    registers,
  })
  const sessionChecks = new Histogram({
    name: 'gatehouse_session_check_duration_seconds',
    help: 'How long it takes to learn whose session a token is.',
    buckets: storeBuckets,
    registers,
  })
  const redisCalls = new Histogram({
    name: 'gatehouse_redis_call_duration_seconds',
    help: 'Calls of Redis, each a command or a few at once, those that fail among them.',
    buckets: storeBuckets,
    registers,
  })
  const redisFailures = new Counter({
    name: 'gatehouse_redis_failures_total',
    help: 'Calls of Redis that failed or took too long.',
    registers,
  })
  const statements = new Histogram({
    name: 'gatehouse_postgresql_statement_duration_seconds',
    help: 'Statements and transactions, with their wait for a connection, by the pool.',
    labelNames: ['pool'],
    buckets: storeBuckets,
    registers,
  })
  const unanswered = new Counter({
    name: 'gatehouse_postgresql_unanswered_total',
    help: 'Statements and transactions that PostgreSQL did not answer, as it was too late or the connection was lost, by the pool.',
    labelNames: ['pool'],
    registers,
  })
  const subscriptions = new Gauge({
    name: 'gatehouse_subscriptions_open',
    help: 'Subscriptions under way, by their field.',
    labelNames: ['field'],
    registers,
  })
  const events = new Counter({
    name: 'gatehouse_security_events_total',
    help: 'Security events that this server sealed, by type and outcome; a refusal that was repeated counts as often as it was.',
    labelNames: ['type', 'outcome'],
    registers,
  })
  const signIns = new Counter({
    name: 'gatehouse_sign_ins_total',
    help: 'Sign-ins among the events that this server sealed: SUCCESS, FAILURE at the password, or DENIED in spite of it.',
    labelNames: ['outcome'],
    registers,
  })
  const mfaVerifications = new Counter({
    name: 'gatehouse_mfa_verifications_total',
    help: 'Codes of second factors that were checked, among the events that this server sealed, by method (NONE where no challenge was open) and outcome.',
    labelNames: ['method', 'outcome'],
    registers,
  })
  const opened = new Counter({
    name: 'gatehouse_sessions_opened_total',
    help: 'Sessions that began, among the events that this server sealed.',
    registers,
  })
  const endings = new Counter({
    name: 'gatehouse_sessions_ended_total',
    help: 'Sessions that ended, among the events that this server sealed, by the reason.',
    labelNames: ['reason'],
    registers,
  })

  const { handOver, counted, observed } = createDeferredSeries()
  const httpRequest = remembered((route: string) =>
    remembered((status: number) => counted(httpRequests.labels(route, String(status)))),
  )
  const graphqlRequest = remembered((field: string) => ({
    observe: observed(graphqlDuration.labels(field)),
    count: remembered((code: string) => counted(graphqlRequests.labels(field, code))),
  }))
  const statement = remembered((pool: string) => ({
    observe: observed(statements.labels(pool)),
    countUnanswered: counted(unanswered.labels(pool)),
  }))
  const observeRedis = observed(redisCalls.labels())
  const event = remembered((type: string) => remembered((outcome: string) => counted(events.labels(type, outcome))))
  const signIn = remembered((outcome: string) => counted(signIns.labels(outcome)))
  const mfaVerification = remembered((method: string) =>
    remembered((outcome: string) => counted(mfaVerifications.labels(method, outcome))),
  )
  const countOpened = counted(opened.labels())
  const ending = remembered((reason: string) => counted(endings.labels(reason)))

  return {
    registry,
    handOver,
    countResponse: (route: string, status: number): void => httpRequest(route)(status)(),
    observeOperation(field: string, code: string, seconds: number): void {
      const { observe, count } = graphqlRequest(field)
      observe(seconds)
      count(code)()
    },
    observeSessionCheck: observed(sessionChecks.labels()),
    observeRedisCall(seconds: number, hasFailed: boolean): void {
      observeRedis(seconds)
      if (hasFailed) redisFailures.inc()
    },
    observeStatement(pool: string, seconds: number, wasAnswered: boolean): void {
      const { observe, countUnanswered } = statement(pool)
      observe(seconds)
      if (!wasAnswered) countUnanswered()
    },
    countSubscription: (field: string, change: 1 | -1): void => subscriptions.inc({ field }, change),
    countSealed(sealed: readonly SealedEvent[]): void {
      for (const one of sealed) {
        const { type, outcome } = one
        const method = methodOf(one)
        const reason = endReasonOf(one)
        event(type)(outcome)(timesOf(one))
        if (type === 'LOGIN_SUCCEEDED' || type === 'LOGIN_FAILED') signIn(outcome)()
        if (method) mfaVerification(method)(outcome)()
        if (type === 'SESSION_CREATED') countOpened()
        if (reason) ending(reason)()
      }
    },
  }
}

/** Makes a value for each key when it is first asked for. */
const remembered = <Key, Value>(make: (key: Key) => Value): ((key: Key) => Value) => {
  const known = new Map<Key, Value>()
  return (key) => {
    let value = known.get(key)
    if (value === undefined) {
      value = make(key)
      known.set(key, value)
    }
    return value
  }
}
