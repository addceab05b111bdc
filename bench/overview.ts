import postgres from 'postgres'
import { createEventStore } from '../src/audit/event-store.ts'
import { systemClock } from '../src/lib/clock.ts'
import { requestText, runLoad } from './support/load.ts'
import { sealLog, settle, writeLog } from './support/long-log.ts'
import type { Benchmark, Environment, Figure } from './support/report.ts'
import { addUsers, type SeededUser, withDatabase } from './support/seed.ts'
import { type Server, startGatehouse } from './support/server.ts'
import { signInAll } from './support/sign-in-all.ts'
import { figure, quantile } from './support/statistics.ts'

const events = 1_000_000
const sessions = 1_000_000
const users = 100_000
const hoursOfSessions = 30 * 24
const seconds = 20
const readsPerSecond = 10
const writesPerSecond = 1_000
const writesAtOnce = 20
const mostP99Ms = 200
const [hourMs, dayMs] = [3_600_000, 24 * 3_600_000]

const query = `query ($from: DateTime, $to: DateTime) {
  securityOverview(from: $from, to: $to) {
    users usersWithMfa activeSessions lockedAccounts loginSuccessRate mfaVerificationSuccessRate
    eventsByType { type count } timeline { at logins failedLogins mfaFailures anomalies }
  }
}`

/** The overview of a long log with many users and sessions, while more is recorded and sealed. */
export const overview: Benchmark = async (environment) => {
  const accounts = await addUsers(environment.databaseUrl, 'overviewed', users)
  await writeLog(
    environment,
    { first: 0, last: events, total: events, months: 1 },
    (event) => accounts[event % users]?.id as string,
  )
  await sealLog(environment)
  environment.say(`overview: ${figure(sessions)} sessions …`)
  await addSessions(environment)
  await settle(environment)
  const server = await startGatehouse(environment)
  try {
    const token = await auditorToken(environment, server, accounts)
    const now = Date.now()
    const wholeHour = now - (now % hourMs) + hourMs
    const periods = {
      'the last day': {},
      '31 days of whole hours': { from: new Date(wholeHour - 31 * dayMs), to: new Date(wholeHour) },
      '31 days until this moment': { from: new Date(now - 31 * dayMs), to: new Date(now) },
      '90 days of whole hours': { from: new Date(wholeHour - 90 * dayMs), to: new Date(wholeHour) },
    }
    const figures: Figure[] = []
    for (const [what, variables] of Object.entries(periods)) {
      environment.say(`overview: ${what} …`)
      const writing = startWriting(environment, accounts)
      const load = {
        port: server.port,
        connections: 1,
        next: () => requestText({ query, variables, user: 0, sessionToken: token }),
        mostPerSecond: readsPerSecond,
      }
      await runLoad({ ...load, seconds: 2 })
      const { latenciesMs } = await runLoad({ ...load, seconds })
      const perSecond = await writing.stop()
      const p99 = quantile(latenciesMs, 0.99)
      figures.push({
        what: `${what}, with ${figure(perSecond)} events/s recorded meanwhile: p50, p99`,
        value: `${figure(quantile(latenciesMs, 0.5))} ms, ${figure(p99)} ms`,
        bar: { text: `p99 < ${mostP99Ms} ms`, isMet: p99 < mostP99Ms },
      })
    }
    return figures
  } finally {
    await server.stop()
  }
}

/** As many as a month leaves: those of the last day have not ended, and a tenth of them is in use. */
const addSessions = async ({ databaseUrl }: Environment): Promise<void> => {
  const owner = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  try {
    await owner`
      insert into user_sessions (id, user_id, token_hash, created_at, last_seen_at, idle_expires_at, expires_at,
        authentication_methods, ip_address, user_agent, ended_at, end_reason)
      select gen_random_uuid(), who.id, encode(sha256(n::text::bytea), 'hex'), began, began, idle, began + interval '1 day',
        '{PASSWORD,TOTP}', '203.0.113.7', repeat('Mozilla/5.0 (X11; Linux x86_64) ', 3),
        case when began < now() - interval '1 day' then idle end, case when began < now() - interval '1 day' then 'IDLE' end
      from (select n, now() - interval '1 hour' * ${hoursOfSessions} * (1 - n / ${sessions}::float8) as began,
          n % ${users} as owner from generate_series(1, ${sessions}::int) as n) as session
        join (select id, row_number() over () - 1 as number from users) as who on number = owner,
        lateral (select case when n % 10 = 0 then now() else began end + interval '1 hour' as idle) as activity
      order by n`
  } finally {
    await owner.end()
  }
}

const auditorToken = async ({ databaseUrl }: Environment, server: Server, accounts: readonly SeededUser[]) => {
  const [auditor] = accounts as [SeededUser]
  const owner = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  await owner`update users set role = 'AUDITOR' where id = ${auditor.id}`
  await owner.end()
  const [token] = await signInAll(server, [auditor])
  return token as string
}

/** Records events evenly until it is stopped, and says how many a second those were. */
const startWriting = (environment: Environment, accounts: readonly SeededUser[]) => {
  const startedAt = performance.now()
  let written = 0
  let isOver = false
  const writing = withDatabase(environment.databaseUrl, async (db) => {
    const store = createEventStore(db, systemClock)
    const report = (index: number) =>
      ({ type: 'LOGIN_FAILED', outcome: 'FAILURE', userId: accounts[index % users]?.id ?? null, client: null }) as const
    while (!isOver) {
      await store.append(...Array.from({ length: writesAtOnce }, (_none, index) => report(written + index)))
      written += writesAtOnce
      const dueMs = startedAt + (written / writesPerSecond) * 1000 - performance.now()
      if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs))
    }
  })
  return {
    async stop(): Promise<number> {
      isOver = true
      await writing
      return (written / (performance.now() - startedAt)) * 1000
    },
  }
}
