import { userSessions } from '../src/db/tables/sessions.ts'
import { secondsAfter } from '../src/lib/clock.ts'
import { newId } from '../src/lib/ids.ts'
import { createKeyRing } from '../src/lib/key-ring.ts'
import { newSessionToken } from '../src/sessions/session-token.ts'
import { type Answer, requestText, runLoad } from './support/load.ts'
import type { Benchmark, Environment, Figure } from './support/report.ts'
import { addUsers, inChunks, loginCall, type SeededUser, withDatabase } from './support/seed.ts'
import { masterKey, type Server, startGatehouse } from './support/server.ts'
import { signInAll } from './support/sign-in-all.ts'
import { figure, median, quantile, spread } from './support/statistics.ts'

const rounds = 10
const roundSeconds = 2
const userCount = 3_000 // of each kind: nobody signs in twice
const connections = 16
const mostSessions = 5 // the default of SESSION_LIMIT
const refreshing = 50
const usersEach = 12 // of a connection, in turn: none refreshes more often than a user may
const refreshRounds = 5
const refreshSeconds = 3

/** What ending the oldest session costs the sign-in that does it, and how quickly sessions are refreshed. */
export const limit: Benchmark = async (environment) => {
  const server = await startGatehouse(environment)
  try {
    return [...(await measureSignIns(environment, server)), ...(await measureRefresh(environment, server))]
  } finally {
    await server.stop()
  }
}

const measureSignIns = async ({ databaseUrl, say }: Environment, server: Server): Promise<Figure[]> => {
  say('limit: adding users and sessions …')
  const free = await addUsers(databaseUrl, 'limit-free', userCount)
  const full = await addUsers(databaseUrl, 'limit-full', userCount)
  await fillUp(databaseUrl, full)
  const signIns = (users: readonly SeededUser[]) => {
    const texts = users.map((account, user) => requestText(loginCall(account, user))).values()
    const next = () => texts.next().value ?? null
    return async (seconds: number) => {
      const cpuBefore = await server.cpuMs()
      const { perSecond, latenciesMs } = await runLoad({ port: server.port, connections, seconds, next })
      return { perSecond, cpuMs: ((await server.cpuMs()) - cpuBefore) / latenciesMs.length }
    }
  }
  const [withRoom, atLimit] = [signIns(free), signIns(full)]
  for (const signIn of [withRoom, atLimit]) await signIn(1)
  const measured = []
  for (let round = 1; round <= rounds; round++) {
    const pair = { room: await withRoom(roundSeconds), limit: await atLimit(roundSeconds) }
    measured.push(pair)
    const text = `${figure(pair.limit.perSecond)}/s at the limit, ${figure(pair.room.perSecond)}/s below`
    say(`limit: round ${round} of ${rounds}: ${text}`)
  }
  return [
    { what: 'sign-ins/s of users below their limit', value: spread(measured.map(({ room }) => room.perSecond)) },
    { what: 'sign-ins/s, each ending the oldest', value: spread(measured.map((pair) => pair.limit.perSecond)) },
    {
      what: 'at the limit / below it',
      value: spread(measured.map((pair) => pair.limit.perSecond / pair.room.perSecond)),
    },
    { what: "server's CPU a sign-in below it", value: `${spread(measured.map(({ room }) => room.cpuMs))} ms` },
    {
      what: "server's CPU a sign-in, at the limit / below it",
      value: spread(measured.map((pair) => pair.limit.cpuMs / pair.room.cpuMs)),
    },
  ]
}

/** Gives each user as many live sessions as they may have. */
const fillUp = async (databaseUrl: string, users: readonly SeededUser[]): Promise<void> => {
  const keys = createKeyRing([masterKey])
  const createdAt = new Date()
  const rows = users.flatMap(({ id: userId, sessionTag }) =>
    Array.from({ length: mostSessions }, (_none, age): typeof userSessions.$inferInsert => ({
      id: newId(),
      userId,
      tokenHash: newSessionToken(sessionTag, keys).hash,
      createdAt: secondsAfter(createdAt, -age),
      lastSeenAt: secondsAfter(createdAt, -age),
      idleExpiresAt: secondsAfter(createdAt, 3_600),
      expiresAt: secondsAfter(createdAt, 24 * 3_600),
      authenticationMethods: ['PASSWORD'],
      ipAddress: '10.0.0.1',
      userAgent: '',
    })),
  )
  await withDatabase(databaseUrl, (db) => inChunks(rows, (chunk) => db.insert(userSessions).values(chunk)))
}

const measureRefresh = async ({ databaseUrl, say }: Environment, server: Server): Promise<Figure[]> => {
  const users = await addUsers(databaseUrl, 'limit-refresh', refreshing * usersEach)
  const tokens = await signInAll(server, users)
  const turns = Array<number>(refreshing).fill(0)
  const userOf = (connection: number) => connection + refreshing * ((turns[connection] as number) % usersEach)
  const next = (connection: number) => {
    const user = userOf(connection)
    return requestText({
      query: 'mutation { refreshSession { sessionToken } }',
      user,
      sessionToken: tokens[user] as string,
    })
  }
  const onAnswer = ({ body, connection }: Answer): void => {
    const [, token] = /"sessionToken":"([^"]+)"/.exec(body) ?? []
    if (!token) throw new Error(`A session was not refreshed: ${body}`)
    tokens[userOf(connection)] = token
    turns[connection] = (turns[connection] as number) + 1
  }
  const refresh = (seconds: number) => runLoad({ port: server.port, connections: refreshing, seconds, next, onAnswer })
  await refresh(1)
  const measured = []
  for (let round = 1; round <= refreshRounds; round++) {
    const result = await refresh(refreshSeconds)
    measured.push(result)
    say(`limit: refresh: round ${round} of ${refreshRounds}: ${figure(result.perSecond)}/s`)
  }
  return [
    {
      what: `refreshSession/s, ${refreshing} in parallel`,
      value: spread(measured.map(({ perSecond }) => perSecond)),
    },
    { what: 'refreshSession, p50', value: `${spread(measured.map(({ latenciesMs }) => median(latenciesMs)))} ms` },
    {
      what: 'refreshSession, p99',
      value: `${spread(measured.map(({ latenciesMs }) => quantile(latenciesMs, 0.99)))} ms`,
    },
  ]
}
