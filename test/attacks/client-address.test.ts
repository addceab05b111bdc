import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  EventPlacesDocument,
  LoginDocument,
  RegisterDocument,
  RevokeSessionDocument,
  SessionPlacesDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, testPassword } from '../support/gatehouse.ts'

const claims = {
  'x-forwarded-for': '203.0.113.9',
  'x-real-ip': '203.0.113.9',
  forwarded: 'for=203.0.113.9',
  'cf-connecting-ip': '203.0.113.9',
  'true-client-ip': '203.0.113.9',
  'x-client-ip': '203.0.113.9',
  'x-cluster-client-ip': '203.0.113.9',
  'x-forwarded': '203.0.113.9',
}

/** Registers and returns the address that the events of it bear. */
const recordedAddress = async ({ anonymous, sql }: Gatehouse, headers: Record<string, string>): Promise<string> => {
  const email = `${crypto.randomUUID()}@example.com`
  await anonymous.with(headers).ask(RegisterDocument, { input: { email, password: testPassword } })
  const addresses = await sql`
    SELECT DISTINCT p.ip_address FROM users u
    JOIN security_events e ON e.user_id = u.id JOIN security_event_personal_data p ON p.event_id = e.id
    WHERE u.email = ${email}`
  expect(addresses).toHaveLength(1)
  return addresses[0]?.ip_address
}

const zurich = '129.132.19.216'

/** Signs in and returns the addresses and countries that the session and the events of it bear. */
const recordedPlaces = async (gatehouse: Gatehouse, headers: Record<string, string>) => {
  const { email, password } = await gatehouse.createUser()
  const { login } = await gatehouse.anonymous.with(headers).ask(LoginDocument, { input: { email, password } })
  if (login.__typename !== 'SignedIn') throw new Error('Not signed in')
  const session = gatehouse.clientWith(login.sessionToken)
  const { listSessions } = await session.ask(SessionPlacesDocument, {})
  const { securityEvents } = await session.ask(EventPlacesDocument, {})
  const events = securityEvents.edges.map(({ node }) => node).filter(({ ipAddress }) => ipAddress !== null)
  expect(listSessions).toHaveLength(1)
  expect(events.length).toBeGreaterThan(1)
  return [...listSessions, ...events].map(({ ipAddress, location }) => [ipAddress, location?.countryCode ?? null])
}

/** The one address and country that all of them bear. */
const onePlace = (places: Awaited<ReturnType<typeof recordedPlaces>>) => {
  expect(new Set(places.map(String)).size).toBe(1)
  return places[0]
}

describe('no proxy is configured', () => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse()
  })
  afterAll(() => gatehouse.close())

  test.each(Object.entries(claims))('A14 what %s claims is not believed', async (name, value) => {
    expect(await recordedAddress(gatehouse, { [name]: value })).toBe('127.0.0.1')
  })

  test('A14 neither does a session, nor its place, follow what X-Forwarded-For claims', async () => {
    expect(onePlace(await recordedPlaces(gatehouse, { 'x-forwarded-for': zurich }))).toEqual(['127.0.0.1', null])
  })
})

describe('the peer is a configured proxy', () => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ config: { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] } })
  })
  afterAll(() => gatehouse.close())

  test.each([
    ['an address', '203.0.113.9', '203.0.113.9'],
    ['what a client put before its own address', '198.51.100.1, 203.0.113.9', '203.0.113.9'],
    ['a chain of proxies', '203.0.113.9, 10.1.2.3', '203.0.113.9'],
    ['IPv4 inside IPv6', '::ffff:203.0.113.9', '203.0.113.9'],
    ['IPv4 inside IPv6 in hexadecimal and upper case', '::FFFF:CB00:7109', '203.0.113.9'],
    ['IPv6 in upper case and full length', '2001:0DB8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
  ])(
    'A14 of X-Forwarded-For with %s, the last address that is no proxy of ours counts',
    async (_what, value, address) => {
      expect(await recordedAddress(gatehouse, { 'x-forwarded-for': value })).toBe(address)
    },
  )

  test.each(['<script>alert(1)</script>', 'unknown', '203.0.113.9:4711', '999.1.1.1', ''])(
    'A14 %j in X-Forwarded-For is no address: the proxy itself is recorded',
    async (value) => {
      expect(await recordedAddress(gatehouse, { 'x-forwarded-for': value })).toBe('127.0.0.1')
    },
  )

  test.each([
    ['a public address', zurich],
    ['one behind a claim of a client', `17.0.0.1, ${zurich}`],
    ['IPv4 inside IPv6', `::ffff:${zurich}`],
  ])('A14 a session and its events bear the address and place that the proxy tells of: %s', async (_what, value) => {
    expect(onePlace(await recordedPlaces(gatehouse, { 'x-forwarded-for': value }))).toEqual([zurich, 'CH'])
  })

  test('where an administrator acted from is not shown to the user whom it was about', async () => {
    const user = await gatehouse.createUser()
    const admin = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))
    const { sessionId: id } = await gatehouse.signedInAs(user)
    await admin.with({ 'x-forwarded-for': zurich }).ask(RevokeSessionDocument, { id })
    const { securityEvents } = await (await gatehouse.signedInAs(user)).ask(EventPlacesDocument, {})
    expect(securityEvents.edges.map(({ node }) => node)).toEqual([
      { type: 'SESSION_REVOKED', ipAddress: null, location: null },
    ])
  })

  test.each(Object.entries(claims).slice(1))(
    'A14 what %s claims is not believed, even through the proxy',
    async (name, value) => {
      expect(await recordedAddress(gatehouse, { [name]: value })).toBe('127.0.0.1')
    },
  )
})

test('A14 a peer that is not the configured proxy is not believed', async () => {
  const gatehouse = await startGatehouse({ config: { trustedProxies: ['192.0.2.1'] } })
  expect(await recordedAddress(gatehouse, claims)).toBe('127.0.0.1')
  await gatehouse.close()
})
