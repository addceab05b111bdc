import { ApolloClient, ApolloLink, gql, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { drizzle } from 'drizzle-orm/postgres-js'
import { print } from 'graphql'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createEventStore } from '../../src/audit/event-store.ts'
import { secondsAfter } from '../../src/lib/clock.ts'
import {
  AnyEventsDocument,
  IssueAccessTokenDocument,
  LogoutDocument,
  OwnEventsDocument,
  type OwnEventsSubscription,
  RefreshSessionDocument,
  RevokeUserSessionsDocument,
  SessionEndedDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { connect, newestEvent, openSocket } from '../support/live-socket.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

/** A user who has done something, so that there is an event to go on behind. */
const activeUser = async (role: 'USER' | 'AUDITOR' | 'ADMIN' = 'USER') => {
  const user = await gatehouse.createUser({ role })
  const client = await gatehouse.signedInAs(user)
  const act = (audience = 'shop') => client.ask(IssueAccessTokenDocument, { audience })
  await act('first')
  return { user, client, act, first: await newestEvent(gatehouse, user.id) }
}

const audiences = (events: OwnEventsSubscription[]) =>
  events.map(({ securityEvents }) => securityEvents.details.audience)

test("a user's own events arrive as they happen, those of others don't", async () => {
  const alice = await activeUser()
  const bob = await activeUser()
  const live = await connect(gatehouse.url, alice.client.token)
  const own = live.subscribe(OwnEventsDocument, { after: alice.first })
  await bob.act('of-bob')
  await alice.act('a')
  await alice.act('b')
  await eventually(() => own.data().length === 2)
  expect(audiences(own.data())).toEqual(['a', 'b'])
  expect(own.data()[0]?.securityEvents).toMatchObject({
    type: 'ACCESS_TOKEN_ISSUED',
    sessionId: alice.client.sessionId,
    user: { id: alice.user.id },
    actor: null,
    ipAddress: '127.0.0.1',
  })
  live.close()
})

test('a subscription without `after` begins with what happens then', async () => {
  const { client, act } = await activeUser()
  const live = await connect(gatehouse.url, client.token)
  const own = live.subscribe(OwnEventsDocument, {})
  for (let turn = 0; own.data().length === 0; turn++) {
    await act(`turn-${turn}`)
    await new Promise((resolve) => setTimeout(resolve, 50)) // nothing tells when a subscription has begun
  }
  expect(audiences(own.data())).not.toContain('first')
  live.close()
})

test('what was missed comes first, from PostgreSQL and in order, then what happens', async () => {
  const { client, act, first } = await activeUser()
  for (let index = 0; index < 20; index++) await act(`${index}`)
  const live = await connect(gatehouse.url, client.token)
  const own = live.subscribe(OwnEventsDocument, { after: first })
  for (let index = 20; index < 40; index++) await act(`${index}`)
  await eventually(() => own.data().length >= 40)
  expect(audiences(own.data())).toEqual(Array.from({ length: 40 }, (_, index) => `${index}`))
  live.close()
})

test('`after` an event that is committed a moment ago waits for its sealing, and does not bring that event', async () => {
  const { user, client, act, first } = await activeUser()
  const live = await connect(gatehouse.url, client.token)
  live.subscribe(OwnEventsDocument, { after: first }) // has the server follow the log, a moment behind
  for (let round = 0; round < 15; round++) {
    await act('just-now')
    const own = live.subscribe(OwnEventsDocument, { after: await newestEvent(gatehouse, user.id) })
    await act('next')
    await eventually(() => own.data().length > 0)
    expect(audiences(own.data())).toEqual(['next'])
    live.send({ id: own.id, type: 'complete' })
  }
  live.close()
})

test("`after` that is no event, or someone else's, is refused by name", async () => {
  const alice = await activeUser()
  const bob = await activeUser()
  const live = await connect(gatehouse.url, alice.client.token)
  for (const after of ['nonsense', '00000000-0000-4000-8000-000000000000', bob.first]) {
    const own = live.subscribe(OwnEventsDocument, { after })
    await eventually(own.isOver)
    expect(live.frames.at(-1)?.payload).toMatchObject([
      { extensions: { code: 'BAD_USER_INPUT', fields: [{ path: 'after' }] } },
    ])
  }
  live.close()
})

test('a burst of events is too much for nobody who reads, and comes whole and in order', async () => {
  const { user, client, first } = await activeUser()
  const live = await connect(gatehouse.url, client.token)
  const many = Array.from({ length: 30 }, (_, index) => `a${index}: details`).join(' ')
  const query = `subscription ($after: ID) { securityEvents(after: $after) { id ${many} } }`
  const own = live.subscribeText(query, { after: first })
  const events = createEventStore(drizzle(gatehouse.sql), gatehouse.now)
  const report = { type: 'NEW_DEVICE', outcome: 'SUCCESS', userId: user.id, client: null } as const
  await client.ask(IssueAccessTokenDocument, { audience: 'shop' })
  await eventually(() => own.data().length === 1)
  await events.append(...Array.from({ length: 4_000 }, (_, number) => ({ ...report, details: { number } })))
  await eventually(() => live.frames.length > 4_001)
  const numbers = own.data().map(({ securityEvents }) => (securityEvents as { a0: { number?: number } }).a0.number)
  expect(numbers.slice(1)).toEqual(Array.from({ length: 4_000 }, (_, number) => number))
  live.close()
})

test("an auditor follows everybody's events, also of one user only", async () => {
  const alice = await activeUser()
  const bob = await activeUser()
  const auditor = await activeUser('AUDITOR')
  const live = await connect(gatehouse.url, auditor.client.token)
  const all = live.subscribe(AnyEventsDocument, { after: auditor.first })
  const ofAlice = live.subscribe(AnyEventsDocument, {
    after: auditor.first,
    filter: { userId: alice.user.id.toUpperCase() },
  })
  await bob.act('by-bob')
  await alice.act('by-alice')
  await eventually(() => ofAlice.data().length > 0 && all.data().length >= 2)
  const told = all.data().map(({ auditEvents: { user, details } }) => [user?.email, details.audience])
  expect(told).toEqual([
    [bob.user.email, 'by-bob'],
    [alice.user.email, 'by-alice'],
  ])
  expect(ofAlice.data().map(({ auditEvents }) => auditEvents.details.audience)).toEqual(['by-alice'])
  live.close()
})

test('a refreshed session keeps its socket, and its old token on that is no reuse', async () => {
  const { client, first } = await activeUser()
  const live = await connect(gatehouse.url, client.token)
  const own = live.subscribe(OwnEventsDocument, { after: first })
  const { refreshSession } = await client.ask(RefreshSessionDocument, {})
  gatehouse.advanceClock(10)
  await gatehouse.clientWith(refreshSession.sessionToken ?? null).ask(IssueAccessTokenDocument, { audience: 'later' })
  await eventually(() => own.data().some(({ securityEvents }) => securityEvents.details.audience === 'later'))
  expect(own.data().map(({ securityEvents }) => securityEvents.type)).toEqual([
    'SESSION_REFRESHED',
    'ACCESS_TOKEN_ISSUED',
  ])
  live.close()
})

test('`sessionEnded` tells of the end, then the socket closes with 4401 and the reason', async () => {
  const { client } = await activeUser()
  const live = await connect(gatehouse.url, client.token)
  const ended = live.subscribe(SessionEndedDocument, {})
  await client.ask(LogoutDocument, {})
  expect(await live.closed).toEqual({ code: 4401, reason: 'SIGNED_OUT' })
  expect(ended.data()).toEqual([
    {
      sessionEnded: {
        id: client.sessionId,
        current: true,
        endedAt: expect.any(String),
        endReason: 'SIGNED_OUT',
      },
    },
  ])
})

test("an administrator's words about a user stay out of that user's events", async () => {
  const { user, first } = await activeUser()
  const admin = await gatehouse.createUser({ role: 'ADMIN' })
  await gatehouse.giveTotp(admin)
  const elevated = await gatehouse.signedInAs(admin, ['PASSWORD', 'TOTP'], secondsAfter(gatehouse.now(), 3600))
  await elevated.ask(RevokeUserSessionsDocument, { id: user.id, reason: 'Seen in the case of Eve.' })
  const own = (await connect(gatehouse.url, (await gatehouse.signedInAs(user)).token)).subscribe(OwnEventsDocument, {
    after: first,
  })
  const all = (await connect(gatehouse.url, elevated.token)).subscribe(AnyEventsDocument, { after: first })
  await eventually(() => own.data().length > 0 && all.data().length > 0)
  expect(own.data().map(({ securityEvents: { type, details, actor } }) => ({ type, details, actor }))).toEqual([
    { type: 'SESSION_REVOKED', details: { reason: 'REVOKED_BY_ADMIN' }, actor: null },
  ])
  expect(JSON.stringify(all.data())).toContain('Eve')
})

test("Apollo Client's subscription link follows the events", async () => {
  const { client, act, first } = await activeUser()
  const socket = createClient({
    url: `${gatehouse.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${client.token}` },
  })
  const apollo = new ApolloClient({ link: ApolloLink.from([new GraphQLWsLink(socket)]), cache: new InMemoryCache() })
  const received: unknown[] = []
  const subscription = apollo
    .subscribe<OwnEventsSubscription>({ query: gql(print(OwnEventsDocument)), variables: { after: first } })
    .subscribe(({ data }) => received.push(data?.securityEvents.details.audience))
  await act('for-Apollo')
  await eventually(() => received.length > 0)
  expect(received).toEqual(['for-Apollo'])
  subscription.unsubscribe()
  apollo.stop()
  await socket.dispose()
})

test('a page with a cookie subscribes, as Apollo Sandbox does: by the cookie of its handshake, and with an empty init', async () => {
  const user = await gatehouse.createUser()
  const client = await gatehouse.signedInAs(user, ['PASSWORD'], null, 'COOKIE')
  const live = await openSocket(gatehouse.url, {
    headers: { origin: gatehouse.url, cookie: `gatehouse=${client.token}` },
  })
  live.send({ type: 'connection_init', payload: {} })
  await eventually(() => live.frames.some(({ type }) => type === 'connection_ack'))
  live.send({ type: 'ping' })
  await eventually(() => live.frames.some(({ type }) => type === 'pong'))
  const ended = live.subscribe(SessionEndedDocument, {})
  live.send({ id: ended.id, type: 'complete' })
  live.close()
  expect((await live.closed).code).toBe(1005)
})

test('Sandbox sends its headers as parameters, whatever their case', async () => {
  const { client } = await activeUser()
  for (const payload of [
    { Authorization: `Bearer ${client.token}` },
    { headers: { Authorization: `Bearer ${client.token}` } },
  ]) {
    const live = await openSocket(gatehouse.url)
    live.send({ type: 'connection_init', payload })
    await eventually(() => live.frames.some(({ type }) => type === 'connection_ack'))
    live.close()
  }
})

test('an id may be used again after `complete`: what had it before is over, and only live subscriptions deliver', async () => {
  const { client, act, first } = await activeUser()
  const live = await connect(gatehouse.url, client.token)
  const payload = { query: 'subscription ($after: ID) { securityEvents(after: $after) { type } }', variables: {} }
  const ids = Array.from({ length: 60 }, (_, index) => `q${index}`)
  for (const pauseMs of [0, 5]) {
    for (const id of ids) {
      for (const type of ['subscribe', 'complete', 'subscribe', 'complete']) {
        live.send({ id, type, ...(type === 'subscribe' && { payload }) })
        if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs)) // the attacker's rhythm
      }
    }
  }
  const again = { ...payload, variables: { after: first } }
  await eventually(() => {
    live.frames.splice(0)
    live.send({ id: 'q0', type: 'subscribe', payload: again })
    live.send({ id: 'q0', type: 'complete' })
    live.send({ id: 'q0', type: 'subscribe', payload: again })
    live.send({ type: 'ping' })
    return eventually(() => live.frames.some(({ type }) => type === 'pong')).then(() => {
      const isRefused = live.frames.some(({ type }) => type === 'error')
      if (isRefused) live.send({ id: 'q0', type: 'complete' })
      return !isRefused
    })
  })
  await act('a')
  await act('b')
  const others = Array.from({ length: 20 }, () => live.subscribe(SessionEndedDocument, {}))
  await eventually(() => others.some((other) => other.isOver()))
  const delivered = () => live.frames.filter((frame) => JSON.stringify(frame).includes('ACCESS_TOKEN_ISSUED')) // the refusal is an event too
  await eventually(() => delivered().length >= 2)
  expect(others.flatMap((other) => other.codes())).toEqual(['RATE_LIMITED'])
  expect(delivered().map(({ id }) => id)).toEqual(['q0', 'q0'])
  expect(live.frames.filter(({ type }) => type === 'complete')).toEqual([])
  live.send({ id: 'q0', type: 'subscribe', payload: again })
  expect((await live.closed).code).toBe(4409)
})
