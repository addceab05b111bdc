import { setTimeout as wait } from 'node:timers/promises'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { expect, type TestContext, test } from 'vitest'
import { unsealedChannel } from '../../src/audit/chain-store.ts'
import { createEventStore } from '../../src/audit/event-store.ts'
import type { EventReport } from '../../src/audit/security-event.ts'
import { allSealed, isSealing } from '../support/chain.ts'
import { asServer, createTestDatabase } from '../support/database.ts'
import {
  IssueAccessTokenDocument,
  LogoutDocument,
  OwnEventsDocument,
  SessionEndedDocument,
} from '../support/documents.generated.ts'
import { eventually, startGatehouse } from '../support/gatehouse.ts'
import { startGatehouseProcess } from '../support/gatehouse-process.ts'
import { connect, type LiveSocket, newestEvent, openSocket, type Subscription } from '../support/live-socket.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

type CleanUp = TestContext['onTestFinished']

// Those that mostly wait run at the same time.

/** Of each kind of fault. `GATEHOUSE_ROUNDS=100` asks for more. */
const rounds = Number(process.env.GATEHOUSE_ROUNDS ?? 1)

/** A user with a session, on a database that servers of the test's own are started on. */
const prepare = async (cleanUp: CleanUp, environment: Record<string, string> = {}) => {
  const database = await createTestDatabase()
  const sql = postgres(database.url, { max: 2, onnotice: () => {} })
  const fixture = await startGatehouse({ databaseUrl: database.url, redisUrl: null })
  const user = await fixture.createUser()
  const client = await fixture.signedInAs(user)
  await client.ask(IssueAccessTokenDocument, { audience: 'first' })
  await fixture.close()
  cleanUp(database.drop)
  cleanUp(() => sql.end())
  const start = async () => {
    const server = await startGatehouseProcess(asServer(database.url), environment)
    cleanUp(async () => void (await server.end('SIGKILL')))
    return server
  }
  return { sql, user, token: client.token, start }
}

type Server = Awaited<ReturnType<typeof startGatehouseProcess>>

/** Follows a user's events through every loss of its socket, on whichever server there is, as a page would. */
const follow = (token: string, after: string, servers: () => readonly Server[]) => {
  const received: string[] = []
  const on: { current?: { server: Server; live: LiveSocket } } = {}
  let isStopped = false
  const run = async () => {
    for (let turn = 0; !isStopped; turn++) {
      const server = servers()[turn % 2] as Server
      const live = await openSocket(server.url).catch(() => null)
      if (!live) {
        await wait(20)
        continue
      }
      on.current = { server, live }
      live.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })
      await Promise.race([live.closed, eventually(() => live.frames.some(({ type }) => type === 'connection_ack'))])
      if (live.socket.readyState !== live.socket.OPEN) continue
      const own = live.subscribe(OwnEventsDocument, { after: received.at(-1) ?? after })
      await Promise.race([live.closed, eventually(() => isStopped || own.isOver())])
      received.push(...own.data().map(({ securityEvents }) => securityEvents.id))
      live.close()
      await live.closed
    }
  }
  const running = run()
  return {
    received,
    on,
    async stop() {
      isStopped = true
      await running
    },
    /** All that came, what the open socket brought among it. */
    count: () => received.length + (on.current?.live.frames.filter(({ type }) => type === 'next').length ?? 0),
  }
}

test.concurrent('a subscriber that goes on with `after` sees each event once and in order, through deaths of its server, of Redis and of the relay', {
  timeout: 60_000 + rounds * 30_000,
}, async ({ onTestFinished }) => {
  const redis = await startRedisServer()
  onTestFinished(redis.stop)
  const { sql, user, token, start } = await prepare(onTestFinished, { REDIS_URL: redis.url })
  const first = await newestEvent({ sql }, user.id)
  const servers: [Server, Server] = [await start(), await start()]
  const subscriber = follow(token, first, () => servers)

  let isWriting = true
  let answered = 0
  const writing = (async () => {
    for (let turn = 0; isWriting; turn++) {
      const client = servers[turn % 2]?.clientWith(token)
      const answer = await client?.send(IssueAccessTokenDocument, { audience: `${turn}` }).catch(() => null)
      if (answer?.data?.issueAccessToken) answered++
      await wait(10)
    }
  })()
  const writeMore = async () => {
    const before = answered
    await eventually(() => answered > before + 8)
  }
  const replace = async (server: Server, signal: NodeJS.Signals) => {
    await writeMore()
    const index = servers.indexOf(server)
    await server.end(signal)
    await writeMore()
    servers[index] = await start()
    await writeMore()
  }
  const holder = () => eventually(() => servers.find(({ output, pid }) => isSealing(output) && isRunning(pid)))

  for (let round = 0; round < rounds; round++) {
    await replace(await eventually(() => subscriber.on.current?.server), round % 2 ? 'SIGTERM' : 'SIGKILL')
    await redis.kill()
    await writeMore()
    await redis.restart()
    await replace(await holder(), 'SIGKILL')
  }
  isWriting = false
  await writing
  await allSealed({ sql: sql as never })
  const recorded = await sql`
      SELECT id FROM security_events JOIN audit_links ON event_id = id WHERE user_id = ${user.id} AND id <> ${first}
      ORDER BY sequence`
  expect(recorded.length).toBeGreaterThan(30)
  await eventually(async () =>
    subscriber.on.current?.live.frames.some((frame) => JSON.stringify(frame).includes(recorded.at(-1)?.id)),
  )
  await subscriber.stop()
  expect(subscriber.received).toEqual(recorded.map(({ id }) => id))
})

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('I12 sockets close within 2 s of the return of a listener that was cut off while their session ended', async ({
  onTestFinished,
}) => {
  const other = await startGatehouse()
  onTestFinished(other.close)
  const proxy = await startTcpProxy(other.databaseUrl)
  onTestFinished(proxy.close)
  const gatehouse = await startGatehouse({ databaseUrl: proxy.url })
  onTestFinished(gatehouse.close)
  const client = await other.signedInAs(await other.createUser())
  const live = await connect(gatehouse.url, client.token)
  proxy.cut()
  await client.ask(LogoutDocument, {})
  proxy.restore()
  const restoredAt = performance.now()
  expect(await live.closed).toEqual({ code: 4401, reason: 'SIGNED_OUT' })
  expect(performance.now() - restoredAt).toBeLessThan(4_000)
})

test.concurrent('an outage of PostgreSQL is logged once by who follows the log, however long, and open subscriptions go on after it', async ({
  onTestFinished,
}) => {
  const other = await startGatehouse()
  onTestFinished(other.close)
  const proxy = await startTcpProxy(other.databaseUrl)
  onTestFinished(proxy.close)
  const gatehouse = await startGatehouse({ databaseUrl: proxy.url })
  onTestFinished(gatehouse.close)
  const user = await other.createUser()
  const { token, ask } = await other.signedInAs(user)
  const act = () => ask(IssueAccessTokenDocument, { audience: 'shop' })
  await act()
  const live = await connect(gatehouse.url, token)
  const own = live.subscribe(OwnEventsDocument, { after: await newestEvent(other, user.id) })
  const outages = () => gatehouse.logs.filter((line) => line.includes('the security log can not be followed')).length
  for (const outage of [1, 2]) {
    await act()
    await eventually(() => own.data().length === outage)
    proxy.cut()
    await eventually(() => outages() === outage)
    await wait(2_500) // the log is looked at once a second
    expect(outages()).toBe(outage)
    proxy.restore()
  }
  live.close()
})

test.concurrent('I12 sockets close within 30 s of an end that nobody announced', { timeout: 45_000 }, async ({
  onTestFinished,
}) => {
  const gatehouse = await startGatehouse()
  onTestFinished(gatehouse.close)
  const client = await gatehouse.signedInAs(await gatehouse.createUser())
  const live = await connect(gatehouse.url, client.token)
  const ending = live.subscribe(SessionEndedDocument, {})
  await eventually(async () => {
    live.send({ type: 'ping' })
    return live.frames.some(({ type }) => type === 'pong')
  })
  await gatehouse.sql`UPDATE user_sessions SET ended_at = now(), end_reason = 'REVOKED_BY_ADMIN' WHERE id = ${client.sessionId}`
  const endedAt = performance.now()
  expect(await live.closed).toEqual({ code: 4401, reason: 'REVOKED_BY_ADMIN' })
  expect(performance.now() - endedAt).toBeLessThan(30_000)
  expect(ending.data()).toHaveLength(1)
})

test.concurrent('a peer that answers no ping is cut off', { timeout: 45_000 }, async ({ onTestFinished }) => {
  const gatehouse = await startGatehouse({ config: { socketsPerNetwork: 1 } })
  onTestFinished(gatehouse.close)
  const { token } = await gatehouse.signedInAs(await gatehouse.createUser())
  const live = await connect(gatehouse.url, token)
  live.socket.pause()
  const open = () =>
    openSocket(gatehouse.url).then(
      () => true,
      () => false,
    )
  expect(await open()).toBe(false)
  await eventually(open) // its place is free
})

test('I13 a server that is told to stop under load closes its sockets with 1001, ends in time and loses nothing that it answered', async ({
  onTestFinished,
}) => {
  const { sql, user, token, start } = await prepare(onTestFinished)
  const first = await newestEvent({ sql }, user.id)
  const [server, other] = [await start(), await start()]
  const sockets = await Promise.all(Array.from({ length: 5 }, () => connect(server.url, token)))
  const streams = sockets.map((live) => live.subscribe(OwnEventsDocument, { after: first }))
  const deaf = await connect(server.url, token)
  deaf.socket.pause() // it does not answer the close
  const client = server.clientWith(token)
  let answered = 0
  const writing = Array.from({ length: 4 }, async (_, index) => {
    for (let turn = 0; ; turn++) {
      const answer = await client.send(IssueAccessTokenDocument, { audience: `${index}-${turn}` }).catch(() => null)
      if (!answer?.data?.issueAccessToken) return
      answered++
    }
  })
  await eventually(() => streams.every((stream) => stream.data().length > 10))
  const stoppedAt = performance.now()
  expect(await server.end('SIGTERM')).toBe(0)
  expect(performance.now() - stoppedAt).toBeLessThan(10_000)
  await Promise.all(writing)
  for (const { closed } of sockets) expect((await closed).code).toBe(1001)

  const [count] =
    await sql`SELECT count(*)::int AS found FROM security_events WHERE user_id = ${user.id} AND id <> ${first}`
  expect(count?.found).toBeGreaterThanOrEqual(answered)
  const seen = streams[0]?.data().map(({ securityEvents }) => securityEvents.id) ?? []
  const resumed = (await connect(other.url, token)).subscribe(OwnEventsDocument, { after: seen.at(-1) ?? first })
  await eventually(() => resumed.data().length === count?.found - seen.length)
  const ids = [...seen, ...resumed.data().map(({ securityEvents }) => securityEvents.id)]
  expect(new Set(ids).size).toBe(count?.found)
})

test('I15 faults of the database in the middle of a subscription stay there: nothing of them is told but the id that finds them in the log, and the process lives', async ({
  onTestFinished,
}) => {
  const { sql, user, token, start } = await prepare(onTestFinished)
  const first = await newestEvent({ sql }, user.id)
  const server = await start()
  const client = server.clientWith(token)
  const act = () => client.ask(IssueAccessTokenDocument, { audience: 'shop' })
  for (const table of ['users', 'user_sessions', 'audit_links', 'security_event_personal_data']) {
    const live = await connect(server.url, token)
    const own = live.subscribe(OwnEventsDocument, { after: first })
    await act()
    await eventually(() => own.data().length > 0)
    const seen = own.data().length
    await sql`ALTER TABLE ${sql(table)} RENAME TO away`
    await client.send(IssueAccessTokenDocument, { audience: 'shop' })
    const started = live.subscribe(OwnEventsDocument, { after: first })
    await eventually(started.isOver)
    expect(started.codes()).toEqual(['INTERNAL_SERVER_ERROR'])
    expect(JSON.stringify(live.frames)).not.toMatch(/relation|away|select/i)
    const requestId = started.errors()[0]?.extensions.requestId
    expect(requestId).toBeTruthy()
    await eventually(() =>
      server.output
        .join('')
        .split('\n')
        .some((line) => line.includes(`${requestId}`) && /relation .* does not exist/.test(line)),
    )
    await sql`ALTER TABLE away RENAME TO ${sql(table)}`
    await act()
    const again = live.subscribe(OwnEventsDocument, { after: first })
    await eventually(() => again.data().length > seen)
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
    live.close()
    await live.closed
  }
  expect(server.output.join('')).not.toContain('an unhandled rejection')
  expect(await server.end()).toBe(0)
})

test('a subscriber that does not read is dropped, keeps nobody waiting, and goes on where it stopped', {
  timeout: 60_000,
}, async ({ onTestFinished }) => {
  const gatehouse = await startGatehouse()
  onTestFinished(gatehouse.close)
  const user = await gatehouse.createUser()
  const { token, ask } = await gatehouse.signedInAs(user)
  await ask(IssueAccessTokenDocument, { audience: 'first' })
  const first = await newestEvent(gatehouse, user.id)
  const [slow, quick] = [await connect(gatehouse.url, token), await connect(gatehouse.url, token)]
  const many = Array.from({ length: 30 }, (_, index) => `a${index}: details`).join(' ')
  const read = (live: LiveSocket, after: string, fields = '') =>
    live.subscribeText(`subscription ($after: ID) { securityEvents(after: $after) { id ${fields} } }`, { after })
  const idsOf = (subscription: Subscription<Record<string, unknown>>) =>
    subscription.data().map(({ securityEvents }) => (securityEvents as { id: string }).id)
  const slowly = read(slow, first, many)
  const quickly = read(quick, first)
  await ask(IssueAccessTokenDocument, { audience: 'second' })
  await eventually(() => slowly.data().length === 1 && quickly.data().length === 1)

  slow.socket.pause()
  const events = createEventStore(drizzle(gatehouse.sql), gatehouse.now)
  const report = { type: 'NEW_DEVICE', outcome: 'SUCCESS', userId: user.id, client: null } as const
  const large = { ...report, details: { padding: 'x'.repeat(20_000) } }
  const isDropped = () => gatehouse.logs.some((line) => line.includes('to be resumed'))
  let written = 1
  const write = async (reports: EventReport[]) => {
    await events.append(...reports)
    await gatehouse.sql`SELECT pg_notify(${unsealedChannel}, '')`
    written += reports.length
    await eventually(() => quick.frames.length > written) // with the acknowledgement
  }
  await write(Array.from({ length: 200 }, () => large)) // 600 kB each, for who asks for it thirty times
  await write(Array.from({ length: 3_000 }, () => report)) // more than is kept for a subscriber
  await eventually(isDropped)
  slow.socket.resume()
  expect([1013, 1006]).toContain((await slow.closed).code) // 1013, where it reads before it is cut off
  const seen = idsOf(slowly)
  expect(seen.length).toBeLessThan(written)
  const resumed = read(await connect(gatehouse.url, token), seen.at(-1) ?? first)
  await eventually(() => resumed.data().length === written - seen.length)
  expect([...seen, ...idsOf(resumed)]).toEqual(idsOf(quickly))
})
