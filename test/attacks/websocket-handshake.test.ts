import { getIntrospectionQuery } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import { OwnEventsDocument, SessionEndedDocument } from '../support/documents.generated.ts'
import { countEvents, rowCounts } from '../support/evidence.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { connect, type LiveSocket, openSocket, type SocketOptions } from '../support/live-socket.ts'
import { exchange } from '../support/raw-http.ts'

const listed = 'https://app.example.com'
const mostOfNetwork = 12

let gatehouse: Gatehouse
let token: string
let cookie: string
beforeAll(async () => {
  const config = {
    isProduction: true,
    publicUrl: 'https://id.example.com',
    allowedOrigins: [listed],
    socketsPerNetwork: mostOfNetwork,
    trustedProxies: ['127.0.0.2'],
  }
  gatehouse = await startGatehouse({ config })
  const user = await gatehouse.createUser()
  token = (await gatehouse.signedInAs(user)).token
  cookie = `__Host-gatehouse=${(await gatehouse.signedInAs(user, ['PASSWORD'], null, 'COOKIE')).token}`
})
afterAll(() => gatehouse.close())

const refusal = (options: SocketOptions) =>
  openSocket(gatehouse.url, options).then(
    () => 'opened',
    ({ message }: Error) => message,
  )

const initialised = async (live: LiveSocket, payload: object = {}) => {
  live.send({ type: 'connection_init', payload })
  return Promise.race([
    live.closed.then(({ code, reason }) => `${code} ${reason}`),
    eventually(() => live.frames.some(({ type }) => type === 'connection_ack')).then(() => {
      live.close()
      return 'acknowledged'
    }),
  ])
}

describe.each(['https://evil.example', 'null', 'http://app.example.com', `${listed}.evil.example`, `${listed}:8443`])(
  'a page of %s',
  (origin) => {
    test('F11 gets no socket, with a cookie or with a token', async () => {
      for (const headers of [{ cookie }, { authorization: `Bearer ${token}` }, {}]) {
        expect(await refusal({ headers: { ...headers, origin } })).toMatch(/^403 .*FORBIDDEN/)
      }
    })
  },
)

test('F11 a cookie counts only with the origin of a page that may call', async () => {
  expect(await initialised(await openSocket(gatehouse.url, { headers: { cookie } }))).toBe('4401 UNAUTHENTICATED')
  expect(await initialised(await openSocket(gatehouse.url, { headers: { cookie, origin: listed } }))).toBe(
    'acknowledged',
  )
})

test('F11 a token counts as a parameter or in the header, never as a cookie or in the address', async () => {
  const authorization = `Bearer ${token}`
  expect(await initialised(await openSocket(gatehouse.url), { authorization })).toBe('acknowledged')
  expect(await initialised(await openSocket(gatehouse.url, { headers: { authorization } }))).toBe('acknowledged')
  const planted = { headers: { cookie: `__Host-gatehouse=${token}`, origin: listed } }
  expect(await initialised(await openSocket(gatehouse.url, planted))).toBe('4401 UNAUTHENTICATED')
  const path = `/graphql?token=${token}&authorization=Bearer%20${token}&access_token=${token}`
  expect(await initialised(await openSocket(gatehouse.url, { path }))).toBe('4401 UNAUTHENTICATED')
  await expectUnharmed(gatehouse, { secrets: [token] })
})

test.each([['graphql-ws'], [], ['soap'], ['graphql-transport-wss']])(
  'F11 subprotocol %s gets no socket',
  async (...names) => {
    expect(await refusal({ subprotocols: names.filter(Boolean) })).toMatch(/^400 .*graphql-transport-ws/)
  },
)

test.each(['/', '/healthz', '/graphql/', '/subscriptions', '/outbox'])('F11 there is no socket at %s', async (path) => {
  expect(await refusal({ path })).toMatch(/^(?:404|200) /)
})

test('F11 a request that wishes to upgrade to anything else is answered as it stands', async () => {
  const head = 'host: localhost\r\nconnection: Upgrade, close\r\nupgrade: h2c\r\n'
  expect(await exchange(gatehouse.url, `GET /healthz HTTP/1.1\r\n${head}\r\n`)).toMatch(/^HTTP\/1.1 200 /)
  const body = '{"query":"{ me { id } }"}'
  const post = `POST /graphql HTTP/1.1\r\n${head}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  expect(await exchange(gatehouse.url, post)).toMatch(/^HTTP\/1.1 401 .*UNAUTHENTICATED/s)
})

test.each([
  ['no key', ''],
  ['a key of another length', 'sec-websocket-key: short\r\n'],
  ['no version', `sec-websocket-key: ${'A'.repeat(22)}==\r\n`],
])('F11 a handshake with %s is refused, and the server lives', async (_what, line) => {
  const head =
    'host: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-protocol: graphql-transport-ws\r\n'
  expect(await exchange(gatehouse.url, `GET /graphql HTTP/1.1\r\n${head}${line}\r\n`)).toMatch(/^HTTP\/1.1 400 /)
  expect((await fetch(`${gatehouse.url}/healthz`)).status).toBe(200)
})

const subscribe = { id: '1', type: 'subscribe', payload: { query: 'subscription { sessionEnded { id } }' } }
const init = () => ({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })

test('F11 a subscription before the introduction closes the socket with 4401', async () => {
  const live = await openSocket(gatehouse.url)
  live.send(subscribe)
  expect((await live.closed).code).toBe(4401)
})

test('F11 a subscription before the introduction was acknowledged closes the socket with 4401', async () => {
  const live = await openSocket(gatehouse.url)
  live.send(init())
  live.send(subscribe)
  expect((await live.closed).code).toBe(4401)
  expect(live.frames.filter(({ type }) => type === 'next')).toEqual([])
})

test('F11 a second introduction closes the socket with 4429', async () => {
  const live = await connect(gatehouse.url, token)
  live.send(init())
  expect((await live.closed).code).toBe(4429)
})

test('F11 a socket that does not introduce itself is closed with 4408 after three seconds', async () => {
  const live = await openSocket(gatehouse.url)
  const openedAt = performance.now()
  expect((await live.closed).code).toBe(4408)
  expect(performance.now() - openedAt).toBeGreaterThan(2_500)
  expect(performance.now() - openedAt).toBeLessThan(5_000)
})

test('F11 a session that ended is told why', async () => {
  const client = await gatehouse.signedInAs(await gatehouse.createUser())
  await client.sendText('mutation { logout { id } }')
  const authorization = `Bearer ${client.token}`
  expect(await initialised(await openSocket(gatehouse.url), { authorization })).toBe('4401 SIGNED_OUT')
})

test.each<[string, string | Buffer]>([
  ['no JSON', '{'],
  ['JSON that is no message', '[]'],
  ['a message of no known type', '{"type":"start"}'],
  ['an answer', '{"id":"1","type":"next","payload":{}}'],
  ['an error', '{"id":"1","type":"error","payload":[]}'],
  ['an acknowledgement', '{"type":"connection_ack"}'],
  ['a subscription without an id', '{"type":"subscribe","payload":{"query":"subscription { sessionEnded { id } }"}}'],
  ['a subscription with a number for an id', '{"id":1,"type":"subscribe","payload":{"query":"{ a }"}}'],
  ['a subscription with a huge id', JSON.stringify({ ...subscribe, id: 'x'.repeat(10_000) })],
  ['a subscription without a document', '{"id":"1","type":"subscribe","payload":{}}'],
  [
    'a subscription with a list for its variables',
    '{"id":"1","type":"subscribe","payload":{"query":"{ a }","variables":[]}}',
  ],
  ['bytes', Buffer.from(JSON.stringify(subscribe))],
  ['a frame over 64 kB', JSON.stringify({ ...subscribe, padding: 'x'.repeat(65_536) })],
  ['deep nesting', `{"id":"1","type":"subscribe","payload":${'['.repeat(30_000)}`],
])('F11 %s closes that socket and no other', async (what, message) => {
  const bystander = await connect(gatehouse.url, token)
  const live = await connect(gatehouse.url, token)
  live.send(message)
  const { code } = await live.closed
  expect(code).toBe(what === 'bytes' ? 1003 : what.includes('64 kB') ? 1009 : 4400)
  bystander.send({ type: 'ping' })
  await eventually(() => bystander.frames.some(({ type }) => type === 'pong'))
  expect(bystander.socket.extensions).toBe('')
  bystander.close()
  await bystander.closed
  await expectUnharmed(gatehouse, { secrets: [token] })
})

test('F11 a session has ten sockets, and a socket twenty subscriptions', async () => {
  const own = (await gatehouse.signedInAs(await gatehouse.createUser())).token
  const recorded = await countEvents(gatehouse.sql, 'RATE_LIMITED')
  const sockets = await Promise.all(Array.from({ length: 10 }, () => connect(gatehouse.url, own)))
  const [first] = sockets as [LiveSocket, ...LiveSocket[]]
  expect(await initialised(await openSocket(gatehouse.url), { authorization: `Bearer ${own}` })).toMatch(/^4429 /)
  const subscriptions = Array.from({ length: 21 }, () => first.subscribe(SessionEndedDocument, {}))
  await eventually(() => subscriptions.some((subscription) => subscription.isOver()))
  expect(subscriptions.flatMap((subscription) => subscription.codes())).toEqual(['RATE_LIMITED'])
  await eventually(async () => (await countEvents(gatehouse.sql, 'RATE_LIMITED')) === recorded + 1)
  first.send({ id: '1', type: 'complete' })
  const next = first.subscribeText('subscription { nothing }')
  await eventually(next.isOver)
  expect(next.codes()).toEqual(['BAD_USER_INPUT']) // its turn came
  for (const socket of sockets) socket.close()
  await Promise.all(sockets.map(({ closed }) => closed))
})

test('F11 a network has so many sockets, silent ones too, whatever it says of itself', async () => {
  const open = () =>
    Array.from({ length: mostOfNetwork + 5 }, (_, index) =>
      openSocket(gatehouse.url, { headers: { 'x-forwarded-for': `192.0.2.${index}` } }),
    )
  const outcomes = await Promise.allSettled(open())
  const sockets = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? String(outcome.reason) : []))
  expect(sockets).toHaveLength(mostOfNetwork)
  for (const text of refused) expect(text).toContain('429 ')
  for (const socket of sockets) socket.close()
  await Promise.all(sockets.map(({ closed }) => closed))
  await eventually(() =>
    openSocket(gatehouse.url).then(
      ({ close }) => {
        close()
        return true
      },
      () => false,
    ),
  )
})

test('F11 behind a trusted proxy each network is counted by itself, an IPv6 one by its first 64 bits', async () => {
  const proxied = await startGatehouse({ config: { trustedProxies: ['127.0.0.1'], socketsPerNetwork: 1 } })
  const from = (address: string) =>
    openSocket(proxied.url, { headers: { 'x-forwarded-for': address } }).then(
      () => 'opened',
      ({ message }: Error) => message.slice(0, 3),
    )
  expect(await from('192.0.2.1')).toBe('opened')
  expect(await from('192.0.2.1')).toBe('429')
  expect(await from('192.0.2.2')).toBe('opened')
  expect(await from('2001:db8::1')).toBe('opened')
  expect(await from('2001:db8::ffff:1')).toBe('429')
  expect(await from('2001:db8:0:1::1')).toBe('opened')
  await proxied.close()
})

test.each([
  ['a query', '{ me { id } }'],
  ['a mutation', 'mutation { logout { id } }'],
  ['introspection', getIntrospectionQuery()],
  ['introspection in a subscription', 'subscription { __schema { queryType { name } } }'],
  ['introspection beside a subscription', 'subscription { sessionEnded { id } __schema { queryType { name } } }'],
  ['one type', '{ __type(name: "User") { name } }'],
  ['two root fields', 'subscription { sessionEnded { id } securityEvents { id } }'],
  ['a root field twice', 'subscription { a: sessionEnded { id } b: sessionEnded { id } }'],
  ['a root field twice under one name', 'subscription { sessionEnded { id } sessionEnded { id } }'],
  ['a fragment at the root', 'subscription { ...F } fragment F on Subscription { sessionEnded { id } }'],
  ['an inline fragment at the root', 'subscription { ... on Subscription { sessionEnded { id } } }'],
  ['a root field that is skipped', 'subscription { sessionEnded @skip(if: true) { id } }'],
  ['a root field that is included', 'subscription { sessionEnded @include(if: true) { id } }'],
  ['a misspelt field', 'subscription { sessionEnde { id } }'],
  ['a misspelt argument', 'subscription { securityEvents(afte: "x") { id } }'],
  ['a document that does not parse', 'subscription {'],
  ['too many tokens', `subscription { sessionEnded { ${'id '.repeat(2_500)} } }`],
  [
    'too many aliases',
    `subscription { sessionEnded { ${Array.from({ length: 31 }, (_, index) => `a${index}: id`).join(' ')} } }`,
  ],
  ['a variable of another type', 'subscription ($after: Int) { securityEvents(after: $after) { id } }'],
  ['a literal of another type', 'subscription { securityEvents(after: { x: 1 }) { id } }'],
  ['no operation', 'fragment F on Session { id }'],
])('A9 F3 F11 %s is refused over a socket, and nothing of it runs', async (_what, query) => {
  const client = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))
  const live = await connect(gatehouse.url, client.token)
  const before = await rowCounts(gatehouse.sql)
  const subscription = live.subscribeText(query)
  await eventually(subscription.isOver)
  expect(subscription.codes()).toContain('BAD_USER_INPUT')
  expect(subscription.data()).toEqual([])
  expect(JSON.stringify(live.frames)).not.toMatch(/queryType"|did you mean|"kind"/i)
  expect(await rowCounts(gatehouse.sql)).toBe(before)
  live.close()
  await live.closed
})

test('F11 variables are checked as over HTTP, and not quoted', async () => {
  const live = await connect(gatehouse.url, token)
  const subscription = live.subscribe(OwnEventsDocument, { after: 'canary\0' })
  await eventually(subscription.isOver)
  expect(live.frames.at(-1)?.payload).toMatchObject([
    { extensions: { code: 'BAD_USER_INPUT', fields: [{ path: 'after' }] } },
  ])
  expect(JSON.stringify(live.frames)).not.toContain('canary')
  live.close()
})

test('F13 a subscription over HTTP is refused', async () => {
  const { status, errors, data } = await gatehouse.clientWith(token).sendText('subscription { sessionEnded { id } }')
  expect([status, data ?? null, errors?.[0]?.extensions.code]).toEqual([400, null, 'BAD_USER_INPUT'])
})
