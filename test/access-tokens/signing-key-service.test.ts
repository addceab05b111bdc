import { drizzle } from 'drizzle-orm/postgres-js'
import { decodeProtectedHeader } from 'jose'
import { afterEach, expect, test } from 'vitest'
import { publishedAheadSeconds } from '../../src/access-tokens/signing-key.ts'
import { secondsAfter } from '../../src/lib/clock.ts'
import { createRetentionStore } from '../../src/retention/retention-store.ts'
import { audience, publishedKeys, rotate, startCachingService, startService, tokenOf } from '../support/access-token.ts'
import { dumpOf } from '../support/attack.ts'
import { createTestDatabase } from '../support/database.ts'
import { IssueAccessTokenDocument, LoginDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, type GatehouseOptions, startGatehouse } from '../support/gatehouse.ts'
import { roundsOf } from '../support/rounds.ts'

const minute = 60
const day = 24 * 3600
const otherKeys = [{ id: 'other', secret: Buffer.alloc(32, 9) }] as const

const servers: Gatehouse[] = []
afterEach(async () => {
  for (const server of servers.splice(0).reverse()) await server.close()
})

const start = async (options?: GatehouseOptions): Promise<Gatehouse> => {
  const server = await startGatehouse(options)
  servers.push(server)
  return server
}

/** Two servers on one database. */
const startPair = async (): Promise<[Gatehouse, Gatehouse]> => {
  const first = await start()
  return [first, await start({ databaseUrl: first.databaseUrl })]
}

const advanceClocks = (seconds: number): void => {
  for (const server of servers) server.advanceClock(seconds)
}

const newSession = async (server: Gatehouse) => server.signedInAs(await server.createUser())
const keyOf = (token: string) => decodeProtectedHeader(token).kid
const idsPublishedBy = async (server: Gatehouse) => (await publishedKeys(server)).map(({ kid }) => kid)
const allPublish = (count: number) =>
  Promise.all(servers.map((server) => eventually(async () => (await idsPublishedBy(server)).length === count)))
const generations = async ({ sql }: Gatehouse): Promise<number[]> =>
  (await sql`SELECT generation FROM signing_keys ORDER BY 1`).map((row) => row.generation)
/** What every server does each minute. */
const haveKeysRead = ({ sql }: Gatehouse) => sql`SELECT pg_notify('gatehouse_signing_keys', '')`

test('of two servers that start at once on an empty database one makes the first key, and both sign with it', async () => {
  for (let round = 0; round < roundsOf(2); round++) {
    const database = await createTestDatabase()
    const pair = await Promise.all([0, 1].map(() => startGatehouse({ databaseUrl: database.url })))
    try {
      const [first] = pair as [Gatehouse]
      expect(await generations(first)).toEqual([1])
      const { token } = await newSession(first)
      const tokens = await Promise.all(pair.map((server) => tokenOf(server.clientWith(token))))
      expect(new Set(tokens.map(keyOf)).size).toBe(1)
      for (const server of pair) for (const issued of tokens) await startService(server)(issued)
    } finally {
      for (const server of pair) await server.close()
      await database.drop()
    }
  }
})

test('of twenty rotations at once one makes the next key, and all name it', async () => {
  const server = await start()
  const rotations = await Promise.all(Array.from({ length: 20 }, () => rotate(server)))
  expect(new Set(rotations.map(({ id }) => id)).size).toBe(1)
  expect(rotations.filter(({ isNew }) => isNew)).toHaveLength(1)
  expect(await generations(server)).toEqual([1, 2])
})

test('of ten rotations --at-once the last alone is left, and every other key is revoked', async () => {
  const server = await start()
  const rotations = await Promise.all(Array.from({ length: 10 }, () => rotate(server, true)))
  expect(rotations.filter(({ isNew }) => isNew)).toHaveLength(10)
  expect(await generations(server)).toEqual(Array.from({ length: 11 }, (_none, index) => index + 1))
  const live = await server.sql`SELECT generation FROM signing_keys WHERE revoked_at IS NULL`
  expect(live).toEqual([{ generation: 11 }])
})

test('of two servers that find the key too old at once one makes the next, and it signs a quarter of an hour later', async () => {
  const [first, second] = await startPair()
  const before = keyOf(await tokenOf(await newSession(first)))
  advanceClocks(90 * day - minute)
  await haveKeysRead(first)
  expect(await generations(first)).toEqual([1])
  advanceClocks(minute)
  await haveKeysRead(first)
  await allPublish(2)
  expect(await generations(first)).toEqual([1, 2])

  const session = await newSession(first)
  const issue = async () => [keyOf(await tokenOf(session)), keyOf(await tokenOf(second.clientWith(session.token)))]
  expect(await issue()).toEqual([before, before])
  advanceClocks(publishedAheadSeconds + 1)
  const [after, elsewhere] = await issue()
  expect(after).not.toBe(before)
  expect(elsewhere).toBe(after)
})

test('with SIGNING_KEY_MAX_AGE_DAYS=1 a server makes the next key at its start a day later', async () => {
  const server = await start()
  await server.sql`UPDATE signing_keys SET created_at = created_at - interval '1 day', signs_from = signs_from - interval '1 day'`
  await start({ databaseUrl: server.databaseUrl, config: { signingKeyMaxAgeSeconds: day } })
  await allPublish(2)
})

test('through a rotation every token verifies until its end, with services that keep the public keys for their max-age', async () => {
  const [first, second] = await startPair()
  const session = await newSession(first)
  const doors = [session, second.clientWith(session.token)]
  const services: ReturnType<typeof startCachingService>[] = []
  const issued: { token: string; minute: number }[] = []
  const rotateAt = 6
  const newKeySignsAt = rotateAt + publishedAheadSeconds / minute
  for (let now = 0; now <= newKeySignsAt + 10; now++) {
    if (now === rotateAt) {
      await first.sql`UPDATE signing_keys SET created_at = created_at - interval '90 days'`
      await haveKeysRead(first)
      await allPublish(2)
    }
    if (now < 5) services.push(startCachingService(servers[now % 2] as Gatehouse)) // each renews at a minute of its own
    for (const door of doors) issued.push({ token: await tokenOf(door), minute: now })
    for (const { token } of issued.filter((one) => one.minute > now - 5)) {
      for (const verify of services) await verify(token)
    }
    advanceClocks(minute)
  }
  const kids = Map.groupBy(issued, ({ token }) => keyOf(token))
  expect([...kids.values()].map((tokens) => tokens.length)).toEqual([2 * newKeySignsAt, 2 * 11])
  await allPublish(1) // what the old key signed is over
})

test('--at-once: within a second both servers sign with the new key alone, and what the old one signed is refused once a copy of the keys is renewed', async () => {
  const [first, second] = await startPair()
  const session = await newSession(first)
  const service = startCachingService(second)
  const old = await tokenOf(session)
  await service(old)

  const { id } = await rotate(first, true)
  const revoked = performance.now()
  for (const door of [session, second.clientWith(session.token)])
    await eventually(async () => keyOf(await tokenOf(door)) === id)
  expect(performance.now() - revoked).toBeLessThan(1_000)
  expect(await Promise.all(servers.map(idsPublishedBy))).toEqual([[id], [id]])

  await expect(startService(first)(old)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' })
  advanceClocks(290)
  await service(old) // its copy is good for ten more seconds
  advanceClocks(10)
  await expect(service(old)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' })
  await service(await tokenOf(session))
})

test('a key that waits for its time is revoked --at-once too', async () => {
  const server = await start()
  await rotate(server)
  const { id } = await rotate(server, true)
  await allPublish(1)
  advanceClocks(publishedAheadSeconds + 1)
  expect(keyOf(await tokenOf(await newSession(server)))).toBe(id)
  expect((await rotate(server)).isNew).toBe(true) // it waited for nothing, so the next is made
})

test('the private half is sealed, and opens for its own key alone', async () => {
  const server = await start()
  const dump = await dumpOf(server.sql)
  const pkcs8Ed25519 = Buffer.from('302e020100300506032b657004220420', 'hex') // how every such private key begins (RFC 8410)
  for (const encoding of ['base64', 'base64url', 'hex'] as const)
    expect(dump).not.toContain(pkcs8Ed25519.subarray(0, 15).toString(encoding))
  const [row] = await server.sql`SELECT id, sealed_private_key FROM signing_keys`
  expect(row?.sealed_private_key).toMatch(/^test:/)
  expect(server.keys.open(row?.sealed_private_key, `signing key ${row?.id}`)).toContain(
    pkcs8Ed25519.toString('base64').slice(0, 20),
  )
  expect(() => server.keys.open(row?.sealed_private_key, 'signing key other')).toThrow()
})

test('a key sealed under a master key that is gone takes no server down: it is published, said so in the log, and another signs', async () => {
  const first = await start()
  const old = await tokenOf(await newSession(first))
  const second = await start({ databaseUrl: first.databaseUrl, config: { keys: otherKeys } })
  const complaint = second.logs.find((line) => line.includes('can not be opened'))
  expect(complaint).toContain(keyOf(old))
  expect(complaint).toContain('GATEHOUSE_KEYS')
  await allPublish(2)
  await startService(second)(old)

  const { email, password } = await second.createUser()
  const { login } = await second.anonymous.ask(LoginDocument, { input: { email, password } })
  if (login.__typename !== 'SignedIn') throw new Error('Not signed in')
  const token = await tokenOf(second.clientWith(login.sessionToken ?? null))
  expect(keyOf(token)).not.toBe(keyOf(old))
  await startService(first)(token)
})

test("servers that can not open each other's keys both sign what services can verify", async () => {
  const first = await start()
  const session = await newSession(first)
  const old = keyOf(await tokenOf(session))
  await start({ databaseUrl: first.databaseUrl, config: { keys: otherKeys } })
  await allPublish(2)
  expect(keyOf(await tokenOf(session))).toBe(old)
  advanceClocks(7 * minute) // what the old key signs now would be refused soon
  await haveKeysRead(first)
  await eventually(async () => (await idsPublishedBy(first)).length === 2 && (await generations(first)).length === 3)
  const token = await tokenOf(session)
  expect(keyOf(token)).not.toBe(old)
  for (const server of servers) await startService(server)(token)
})

test('a restart keeps the key', async () => {
  const first = await start()
  const token = await tokenOf(await newSession(first))
  const second = await start({ databaseUrl: first.databaseUrl })
  expect(await idsPublishedBy(second)).toEqual([keyOf(token)])
  await startService(second)(token)
})

test('a server whose keys were all revoked by hand makes another at once', async () => {
  const server = await start()
  const [old] = await idsPublishedBy(server)
  await server.sql`UPDATE signing_keys SET revoked_at = now()`
  await haveKeysRead(server)
  await eventually(async () => !(await idsPublishedBy(server)).includes(old))
  const { issueAccessToken } = await (await newSession(server)).ask(IssueAccessTokenDocument, { audience })
  await startService(server)(issueAccessToken.token)
})

test('keys that are long over are forgotten, and neither the newest nor one that may still sign', async () => {
  const server = await start()
  const { deleteSome } = createRetentionStore(drizzle(server.sql)).signingKeys
  const future = secondsAfter(new Date(), 3600)
  await deleteSome(future)
  expect(await generations(server)).toEqual([1])
  await rotate(server)
  await deleteSome(secondsAfter(new Date(), 60))
  expect(await generations(server)).toEqual([1, 2])
  await rotate(server, true)
  await deleteSome(new Date(Date.now() - 1000))
  expect(await generations(server)).toEqual([1, 2, 3])
  await deleteSome(future)
  expect(await generations(server)).toEqual([3])
})
