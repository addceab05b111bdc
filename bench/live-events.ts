import { setTimeout as wait } from 'node:timers/promises'
import { inArray } from 'drizzle-orm'
import { users as userRows } from '../src/db/tables/accounts.ts'
import { requestText, runLoad } from './support/load.ts'
import type { Benchmark, Environment, Figure } from './support/report.ts'
import { addUsers, withDatabase } from './support/seed.ts'
import { type Server, startGatehouse } from './support/server.ts'
import { signInAll } from './support/sign-in-all.ts'
import { median, quantile, spread } from './support/statistics.ts'
import { type Subscriber, subscribe } from './support/subscribers.ts'

const subscribedUsers = 900
const auditors = 10
const socketsOfAuditor = 10
const eventsPerSecond = 100 // over both servers
const secondsARound = 10
const rounds = 5
const settleMs = 3_000
const mostMs = 250

const ownEvents = 'subscription { securityEvents { id type occurredAt details } }'
const allEvents = 'subscription { auditEvents { id type occurredAt details } }'
const act = 'mutation ($audience: String!) { issueAccessToken(audience: $audience) { expiresAt } }'

/** How long it takes from the answer to a request, which comes after the commit, until its event is with 1,000 subscribers. */
export const liveEvents: Benchmark = async (environment) => {
  const servers = await Promise.all([startGatehouse(environment), startGatehouse(environment)])
  try {
    return await measure(environment, servers)
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

const measure = async ({ databaseUrl, say }: Environment, servers: readonly Server[]): Promise<Figure[]> => {
  const [server] = servers as [Server]
  say(`live-events: ${subscribedUsers + auditors} users sign in …`)
  const owners = await addUsers(databaseUrl, 'live-', subscribedUsers)
  const readers = await addUsers(databaseUrl, 'live-auditor-', auditors)
  const readerIds = readers.map(({ id }) => id)
  await withDatabase(databaseUrl, (db) =>
    db.update(userRows).set({ role: 'AUDITOR' }).where(inArray(userRows.id, readerIds)),
  )
  const tokens = await signInAll(server, owners)
  const readerTokens = await signInAll(server, readers)

  const arrivals: { audience: string; at: number }[] = []
  const onEvent = (text: string): void => {
    const audience = /"audience":"([^"]+)"/.exec(text)?.[1]
    if (audience) arrivals.push({ audience, at: performance.now() })
  }
  const portOf = (number: number): number => (servers[number % servers.length] as Server).port
  const subscribers: Subscriber[] = []
  for (const [user, sessionToken] of tokens.entries())
    subscribers.push(await subscribe({ port: portOf(user), sessionToken, query: ownEvents, user, onEvent }))
  for (const [reader, sessionToken] of readerTokens.entries())
    for (let socket = 0; socket < socketsOfAuditor; socket++)
      subscribers.push(
        await subscribe({ port: portOf(socket), sessionToken, query: allEvents, user: 10_000 + reader, onEvent }),
      )
  await wait(settleMs)

  const quantiles: Record<'p50' | 'p95' | 'p99', number[]> = { p50: [], p95: [], p99: [] }
  const cores: number[] = []
  let lost = 0
  for (let round = 0; round < rounds; round++) {
    say(`live-events: round ${round + 1} of ${rounds} …`)
    const before = await cpuOf(servers)
    const latencies = await runRound(servers, tokens, round, arrivals)
    cores.push(((await cpuOf(servers)) - before) / (secondsARound * 1000))
    lost += latencies.lost
    quantiles.p50.push(quantile(latencies.ms, 0.5))
    quantiles.p95.push(quantile(latencies.ms, 0.95))
    quantiles.p99.push(quantile(latencies.ms, 0.99))
  }
  for (const subscriber of subscribers) subscriber.close()
  return [
    {
      what: `commit to subscriber, ${subscribers.length} of them on two servers, p50`,
      value: `${spread(quantiles.p50)} ms`,
    },
    {
      what: 'p95',
      value: `${spread(quantiles.p95)} ms`,
      bar: { text: `under ${mostMs} ms`, isMet: median(quantiles.p95) < mostMs },
    },
    { what: 'p99', value: `${spread(quantiles.p99)} ms` },
    { what: 'frames that did not come', value: String(lost), bar: { text: '0', isMet: lost === 0 } },
    {
      what: `cores of both servers, at ${eventsPerSecond} events and ${eventsPerSecond * (1 + auditors * socketsOfAuditor)} frames a second`,
      value: spread(cores),
    },
  ]
}

const cpuOf = async (servers: readonly Server[]): Promise<number> =>
  (await Promise.all(servers.map((server) => server.cpuMs()))).reduce((sum, ms) => sum + ms, 0)

const runRound = async (
  servers: readonly Server[],
  tokens: readonly string[],
  round: number,
  arrivals: { audience: string; at: number }[],
): Promise<{ ms: number[]; lost: number }> => {
  arrivals.length = 0
  const committedAt = new Map<string, number>()
  const loads = servers.map(({ port }, index) => {
    const connections = 4
    const asked: string[] = []
    let sent = 0
    return runLoad({
      port,
      connections,
      seconds: secondsARound,
      mostPerSecond: eventsPerSecond / servers.length,
      next(connection) {
        const user = (sent * servers.length + index) % tokens.length
        const audience = `r${round}-s${index}-${sent++}`
        asked[connection] = audience
        return requestText({ query: act, variables: { audience }, user, sessionToken: tokens[user] as string })
      },
      onAnswer({ isSuccess, body, connection, answeredAt }) {
        if (!isSuccess) throw new Error(`Not a success: ${body}`)
        committedAt.set(asked[connection] as string, answeredAt)
      },
    })
  })
  await Promise.all(loads)
  await wait(settleMs)
  const ms = arrivals.flatMap(({ audience, at }) => {
    const committed = committedAt.get(audience)
    return committed === undefined ? [] : Math.max(0, at - committed)
  })
  return { ms, lost: committedAt.size * (1 + auditors * socketsOfAuditor) - ms.length }
}
