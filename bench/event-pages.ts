import postgres from 'postgres'
import { measureFilters } from './support/filters.ts'
import { requestText, runLoad } from './support/load.ts'
import { busyAddress, sealLog, settle, writeLog } from './support/long-log.ts'
import type { Benchmark, Environment, Figure } from './support/report.ts'
import { addUsers, type SeededUser } from './support/seed.ts'
import { type Server, startGatehouse } from './support/server.ts'
import { signInAll } from './support/sign-in-all.ts'
import { figure, quantile } from './support/statistics.ts'

const sizes = [10_000, 1_000_000] as const
const userCount = 10_000
const readers = 50
const eventsOfReader = 100
const deep = 70 // events before the deep page
const seconds = 10
const readsPerSecond = 100
const mostP99Ms = 20

const query = `query ($first: Int, $after: String) {
  securityEvents(first: $first, after: $after) {
    edges { cursor node { id type severity outcome occurredAt ipAddress details } } pageInfo { hasNextPage endCursor }
  }
}`

const auditQuery = `query ($first: Int, $filter: SecurityEventFilter) {
  auditEvents(first: $first, filter: $filter) {
    edges { cursor node { id type severity outcome occurredAt ipAddress details } } pageInfo { hasNextPage endCursor }
  }
}`

const daysAgo = (days: number): string => new Date(Date.now() - days * 24 * 3600_000).toISOString()

/** What auditors ask of the long log: many, few and none. */
const filtersOf = (userId: string) => ({
  'all events': {},
  'type LOGIN_FAILED, a quarter': { types: ['LOGIN_FAILED'] },
  'type CREDENTIAL_STUFFING, twenty': { types: ['CREDENTIAL_STUFFING'] },
  'type POLICY_CHANGED, none': { types: ['POLICY_CHANGED'] },
  'severity CRITICAL, twenty': { severities: ['CRITICAL'] },
  'severity WARNING or CRITICAL': { severities: ['WARNING', 'CRITICAL'] },
  'outcome DENIED, twenty of the first month': { outcomes: ['DENIED'] },
  'severity INFO and outcome FAILURE, none': { severities: ['INFO'], outcomes: ['FAILURE'] },
  'type LOGIN_FAILED and severity INFO, none': { types: ['LOGIN_FAILED'], severities: ['INFO'] },
  'one day, three months ago': { from: daysAgo(91), to: daysAgo(90) },
  'a month, three months ago, and outcome DENIED: none': { outcomes: ['DENIED'], from: daysAgo(120), to: daysAgo(90) },
  'a user': { userId },
  'a user and a type that is none of theirs': { userId, types: ['CREDENTIAL_STUFFING'] },
  'a session that there is not': { sessionId: userId },
  'an address of few': { ipAddress: '203.0.77.77' },
  'an address of nobody': { ipAddress: '192.0.2.1' },
  'an address of a tenth': { ipAddress: busyAddress },
  'an address of a tenth and severity CRITICAL': { ipAddress: busyAddress, severities: ['CRITICAL'] },
  'an address of few and type LOGIN_FAILED': { ipAddress: '203.0.77.77', types: ['LOGIN_FAILED'] },
  'an address of a tenth and a user': { ipAddress: busyAddress, userId },
})

/** Pages of one user's history, near its beginning and deep in, in a short log and in a long one, and of everybody's by every filter. */
export const eventPages: Benchmark = async (environment) => {
  const accounts = await addUsers(environment.databaseUrl, 'historian', userCount)
  const [total] = [sizes[1]]
  const figures: Figure[] = []
  let written = 0
  for (const size of sizes) {
    await writeLog(environment, { first: written, last: size, total }, (event) => ownerOf(accounts, event))
    written = size
    await sealLog(environment) // else the server would, while it is measured
    await settle(environment)
    const server = await startGatehouse(environment)
    try {
      environment.say(`event-pages: ${figure(size)} events …`)
      const tokens = await signInAll(server, accounts.slice(0, readers))
      const cursors = await Promise.all(tokens.map((token, user) => cursorBehind(server, token, user)))
      for (const [what, pageOf] of [
        ['first page', () => null],
        [`page behind ${deep} others`, (reader: number) => cursors[reader] as string],
      ] as const) {
        await measure(server, tokens, pageOf, 2)
        const latenciesMs = await measure(server, tokens, pageOf, seconds)
        const p99 = quantile(latenciesMs, 0.99)
        figures.push({
          what: `${what} of ${figure(size)} events and ${figure(userCount)} users: p50, p99`,
          value: `${figure(quantile(latenciesMs, 0.5))} ms, ${figure(p99)} ms`,
          bar: { text: `p99 < ${mostP99Ms} ms`, isMet: p99 < mostP99Ms },
        })
      }
      if (size === total) figures.push(...(await measureAuditor(environment, server, accounts)))
    } finally {
      await server.stop()
    }
  }
  return figures
}

const measureAuditor = async (
  { databaseUrl, say }: Environment,
  server: Server,
  accounts: readonly SeededUser[],
): Promise<Figure[]> => {
  say('event-pages: by every filter …')
  const [user, auditor] = accounts.slice(readers) as [SeededUser, SeededUser]
  const owner = postgres(databaseUrl, { max: 1 })
  await owner`UPDATE users SET role = 'AUDITOR' WHERE id = ${auditor.id}`
  await owner.end()
  const [token = ''] = await signInAll(server, [auditor])
  return measureFilters(server, token, auditQuery, filtersOf(user.id))
}

/** Those who read have as many events in the short log as in the long one; the rest is everybody else's. */
const ownerOf = (accounts: readonly SeededUser[], event: number): string => {
  const isReaders = event < readers * eventsOfReader
  return accounts[isReaders ? event % readers : readers + (event % (userCount - readers))]?.id as string
}

const cursorBehind = async (server: Server, sessionToken: string, user: number): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${server.port}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${sessionToken}`,
      'x-forwarded-for': `10.9.0.${user}`,
    },
    body: JSON.stringify({ query, variables: { first: deep } }),
  })
  const { data } = (await response.json()) as {
    data: { securityEvents: { edges: unknown[]; pageInfo: { endCursor: string } } }
  }
  if (data.securityEvents.edges.length < deep) throw new Error('A reader has too short a history')
  return data.securityEvents.pageInfo.endCursor
}

const measure = async (
  { port }: Server,
  tokens: readonly string[],
  pageOf: (reader: number) => string | null,
  forSeconds: number,
): Promise<readonly number[]> => {
  let asked = 0
  const next = () => {
    const user = asked++ % readers
    const variables = { first: 20, after: pageOf(user) }
    return requestText({ query, variables, user, sessionToken: tokens[user] as string })
  }
  const load = { port, connections: 4, next, seconds: forSeconds, mostPerSecond: readsPerSecond }
  return (await runLoad(load)).latenciesMs
}
