import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Answer, Client } from '../support/client.ts'
import { LoginDocument, type LoginMutation, RegisterDocument } from '../support/documents.generated.ts'
import {
  eventually,
  type Gatehouse,
  type GatehouseOptions,
  startGatehouse,
  testPassword,
} from '../support/gatehouse.ts'
import { eventsWhere, timesOfAll } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { answerChallenge, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

const networkLimit = 20
const quarterOfAnHour = 15 * 60

const cleanUps: (() => Promise<unknown>)[] = []
let redis: Awaited<ReturnType<typeof startRedisServer>>
beforeEach(async () => {
  redis = await startRedisServer() // its own: networks are counted for all who share one
  cleanUps.push(redis.stop)
})
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** Behind a proxy that it trusts, unless told otherwise. */
const start = async (options: GatehouseOptions = {}, trustedProxies = ['127.0.0.1']): Promise<Gatehouse> => {
  const gatehouse = await startGatehouse({ redisUrl: redis.url, ...options, config: { networkLimit, trustedProxies } })
  cleanUps.push(gatehouse.close)
  return gatehouse
}

const startTwo = async (): Promise<[Gatehouse, Gatehouse]> => {
  const first = await start()
  return [first, await start({ databaseUrl: first.databaseUrl })]
}

const from = ({ anonymous }: Pick<Gatehouse, 'anonymous'>, address: string): Client =>
  anonymous.with({ 'x-forwarded-for': address })

/** A wrong password, at an address that nobody has: no account's budget stands in the way. */
const fail = (client: Client): Promise<Answer<LoginMutation>> =>
  client.send(LoginDocument, { input: { email: `${randomUUID()}@example.com`, password: 'a wrong one' } })

const codeOf = ({ errors }: Answer<unknown>) => errors?.[0]?.extensions.code ?? 'OK'

const expectLimited = ({ errors, headers, status, text }: Answer<unknown>) => {
  const seconds = errors?.[0]?.extensions.retryAfterSeconds as number
  expect(errors?.[0]?.extensions, text).toEqual({ code: 'RATE_LIMITED', retryAfterSeconds: seconds })
  expect(Number.isInteger(seconds) && seconds > 0 && seconds <= quarterOfAnHour, String(seconds)).toBe(true)
  expect({ status, retryAfter: headers.get('retry-after') }).toEqual({ status: 429, retryAfter: String(seconds) })
}

/** Uses the limit of one network up from these addresses in turn; the next from each of them must be refused. */
const expectOneNetwork = async (servers: readonly Gatehouse[], addresses: readonly string[]) => {
  const doorTo = (address: string, n: number) => from(servers[n % servers.length] as Gatehouse, address)
  const answers = await atOnce(networkLimit, [0], (_none, n) =>
    fail(doorTo(addresses[n % addresses.length] as string, n)),
  )
  expect(tally(answers)).toEqual({ INVALID_CREDENTIALS: networkLimit })
  for (const [n, address] of addresses.entries()) expectLimited(await fail(doorTo(address, n)))
}

test.each([
  {
    forms: 'addresses all over one /64',
    addresses: ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2:a:b:c:d', '2001:db8:1:2::'],
    neighbours: ['2001:db8:1:3::1', '2001:db8:2:2::1', '2001:db9:1:2::1'],
  },
  {
    forms: 'forms of one /64, in upper case, in full and shortened,',
    addresses: ['2001:DB8:A:B::1', '2001:0db8:000a:000b:0000:0000:0000:0001', '2001:db8:a:b::1', '2001:0DB8:a:B::FFFF'],
    neighbours: ['2001:DB8:A:C::1'],
  },
  {
    forms: 'forms of one IPv4 address, also inside IPv6,',
    addresses: ['203.0.113.9', '::ffff:203.0.113.9', '::FFFF:CB00:7109', '0:0:0:0:0:ffff:cb00:7109'],
    neighbours: ['203.0.113.10', '::ffff:203.0.113.10', '2001:db8::203.0.113.9'],
  },
])('A14: $forms count as one network over two servers, and apart from any other', async (forms) => {
  const servers = await startTwo()
  await expectOneNetwork(servers, forms.addresses)
  for (const address of forms.neighbours)
    expect(codeOf(await fail(from(servers[1], address)))).toBe('INVALID_CREDENTIALS')
})

test('A14: what a client puts before its own address buys it no tries', async () => {
  const servers = await startTwo()
  const addresses = Array.from({ length: 5 }, (_none, n) => `198.51.100.${n}, 203.0.113.9`)
  await expectOneNetwork(servers, addresses)
})

test('A14: without a trusted proxy no header buys tries', async () => {
  const { anonymous } = await start({}, [])
  const answers = await atOnce(networkLimit + 20, [0], (_none, n) => {
    const address = `203.0.113.${n}`
    const claims = { 'x-forwarded-for': address, 'x-real-ip': address, 'cf-connecting-ip': address }
    return fail(anonymous.with({ ...claims, forwarded: `for=${address}` }))
  })
  expect(tally(answers)).toEqual({ INVALID_CREDENTIALS: networkLimit, RATE_LIMITED: 20 })
})

test('of 60 failures at once from one network over two servers twenty are tried, and each refusal is counted in the log', async () => {
  const servers = await startTwo()
  const answers = await atOnce(60, servers, (server) => fail(from(server, '203.0.113.9')))
  expect(tally(answers)).toEqual({ INVALID_CREDENTIALS: networkLimit, RATE_LIMITED: 40 })
  const events = await eventsWhere(servers[0], { types: ['RATE_LIMITED'] })
  expect(timesOfAll(events)).toBe(40)
  expect(events[0]).toMatchObject({
    outcome: 'DENIED',
    ipAddress: '203.0.113.9',
    user: null,
    details: { limit: 'network failures' },
  })
})

test('a network that has none left is refused the right password and the right code too', async () => {
  const gatehouse = await start()
  const client = from(gatehouse, '203.0.113.9')
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const challengeId = await loginChallenge(from(gatehouse, '203.0.113.10'), user)
  await expectOneNetwork([gatehouse], ['203.0.113.9'])
  const { email, password } = user
  expectLimited(await client.send(LoginDocument, { input: { email, password } }))
  const code = totpCode(seed, gatehouse.now())
  expectLimited(await answerChallenge(client, challengeId, code))
  await completeChallenge(from(gatehouse, '203.0.113.10'), challengeId, code, 'SignedIn')
})

test('wrong codes count with wrong passwords', async () => {
  const gatehouse = await start()
  const client = from(gatehouse, '203.0.113.9')
  const answers = await atOnce(
    networkLimit,
    [0],
    (_none, n): Promise<Answer<unknown>> => (n % 2 ? fail(client) : answerChallenge(client, randomUUID(), '123456')),
  )
  expect(tally(answers)).toEqual({ INVALID_CREDENTIALS: 10, CHALLENGE_EXPIRED: 10 })
  expectLimited(await fail(client))
  expectLimited(await answerChallenge(client, randomUUID(), '123456'))
})

test('what was right gives its try back, with and without a second factor', async () => {
  const gatehouse = await start()
  const client = from(gatehouse, '203.0.113.9')
  const [plain, user] = [await gatehouse.createUser(), await gatehouse.createUser()]
  const seed = await gatehouse.giveTotp(user)
  for (let n = 0; n < networkLimit; n++) {
    await client.ask(LoginDocument, { input: { email: plain.email, password: plain.password } })
    await completeChallenge(client, await loginChallenge(client, user), totpCode(seed, gatehouse.now()), 'SignedIn')
    gatehouse.advanceClock(30)
  }
  const answers: string[] = []
  for (let n = 0; n <= networkLimit; n++) answers.push(codeOf(await fail(client)))
  expect(answers).toEqual([...Array(networkLimit).fill('INVALID_CREDENTIALS'), 'RATE_LIMITED'])
})

test('registrations are limited by network too, and apart from failures', async () => {
  const servers = await startTwo()
  const register = (server: Gatehouse, address: string) =>
    from(server, address).send(RegisterDocument, {
      input: { email: `${randomUUID()}@example.com`, password: testPassword },
    })
  const answers = await atOnce(networkLimit + 5, servers, (server, n) => register(server, `2001:db8:1:2::${n}`))
  expect(tally(answers)).toEqual({ OK: networkLimit, RATE_LIMITED: 5 })
  expect(codeOf(await register(servers[0], '2001:db8:1:3::1'))).toBe('OK')
  expect(codeOf(await fail(from(servers[0], '2001:db8:1:2::1')))).toBe('INVALID_CREDENTIALS')
})

describe('A15: while Redis is away', () => {
  test('a server that has none limits each network by itself, and lets it try again after a quarter of an hour', async () => {
    const gatehouse = await start({ redisUrl: null })
    const answers = await atOnce(networkLimit + 10, [0], (_none, n) => fail(from(gatehouse, `2001:db8:1:2::${n}`)))
    expect(tally(answers)).toEqual({ INVALID_CREDENTIALS: networkLimit, RATE_LIMITED: 10 })
    expect(codeOf(await fail(from(gatehouse, '2001:db8:1:3::1')))).toBe('INVALID_CREDENTIALS')
    gatehouse.advanceClock(quarterOfAnHour - 30)
    expectLimited(await fail(from(gatehouse, '2001:db8:1:2::1')))
    gatehouse.advanceClock(31)
    expect(codeOf(await fail(from(gatehouse, '2001:db8:1:2::1')))).toBe('INVALID_CREDENTIALS')
  })

  test.each(['kill', 'freeze'] as const)('a server that lost it (%s) limits each network by itself', async (loss) => {
    const gatehouse = await start()
    await redis[loss]()
    await eventually(async () => {
      const state = (await (await fetch(`${gatehouse.url}/readyz`)).json()) as { components: { redis: string } }
      return state.components.redis === 'down'
    })
    await expectOneNetwork([gatehouse], ['2001:db8:1:2::1', '2001:db8:1:2::2'])
    expect(codeOf(await fail(from(gatehouse, '203.0.113.9')))).toBe('INVALID_CREDENTIALS')
  })

  test('what failed while it died is limited all the same', async () => {
    const gatehouse = await start()
    const client = from(gatehouse, '203.0.113.9')
    const answers = await atOnce(100, [0], async (_none, n) => {
      if (n === 50) await redis.kill()
      return fail(client)
    })
    const { INVALID_CREDENTIALS: tried = 0, RATE_LIMITED: limited = 0 } = tally(answers)
    expect(tried + limited).toBe(100)
    expect(tried).toBeLessThanOrEqual(2 * networkLimit) // those that Redis counted and those that it did not
    expectLimited(await fail(client))
  })
})
