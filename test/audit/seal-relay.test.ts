import { drizzle } from 'drizzle-orm/postgres-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { auditKeysOf } from '../../src/audit/audit-key.ts'
import { isSignedBy } from '../../src/audit/chain.ts'
import { createChainStore } from '../../src/audit/chain-store.ts'
import { createEventStore } from '../../src/audit/event-store.ts'
import { createVerificationStore } from '../../src/audit/verification-store.ts'
import { allSealed, expectSealed, failLogin, isSealing, sealedAfterMs } from '../support/chain.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { atOnce } from '../support/race.ts'
import { median } from '../support/statistics.ts'

const report = { type: 'LOGIN_FAILED', outcome: 'FAILURE', userId: null, client: null } as const
const longestTransactionMs = 3_000 // what PostgreSQL lets a server have

let database: Awaited<ReturnType<typeof createTestDatabase>>
let first: Gatehouse
beforeAll(async () => {
  database = await createTestDatabase()
  first = await startBeside()
  await eventually(() => isSealing(first.logs))
})
afterAll(async () => {
  await first.close()
  await database.drop()
})

const startBeside = (options: Parameters<typeof startGatehouse>[0] = {}) =>
  startGatehouse({ databaseUrl: database.url, ...options })

test('events are sealed in the order in which they were written', async () => {
  for (let turn = 0; turn < 5; turn++) await failLogin(first)
  const events = await expectSealed(first)
  const ids = events.map(({ id }) => id)
  expect(ids.length).toBeGreaterThanOrEqual(5)
  expect(ids).toEqual(ids.toSorted())
})

test('5,000 events written at once are sealed whole, and answers do not wait for that', async () => {
  const events = createEventStore(drizzle(first.sql), first.now)
  const before = (await first.sql`SELECT 1 FROM security_events`).length
  await atOnce(5, [events], (store) => store.append(...Array.from({ length: 1_000 }, () => report)))
  await failLogin(first)
  expect(await expectSealed(first)).toHaveLength(before + 5_001)
})

test('an event that commits long after it was written, and behind others, is sealed within two seconds', async () => {
  const wroteAt = performance.now()
  await drizzle(first.sql).transaction(async (tx) => {
    await createEventStore(tx, first.now).append(report)
    while (performance.now() - wroteAt < longestTransactionMs) await sealedAfterMs(first, first)
  })
  const committedAt = performance.now()
  await allSealed(first)
  expect(performance.now() - committedAt).toBeLessThan(2_000)
  await expectSealed(first)
})

test('what is announced is how far the log is sealed, and the head and its checkpoints are signed', async () => {
  const announced: number[] = []
  const { unlisten } = await first.sql.listen('gatehouse_audit_head', (payload) => announced.push(Number(payload)))
  await failLogin(first)
  const { length } = await expectSealed(first)
  await eventually(() => announced.includes(length))
  expect(announced).toEqual(announced.toSorted((a, b) => a - b))
  await unlisten()

  const chain = createChainStore(drizzle(first.sql))
  const [key] = auditKeysOf([{ id: 'test', secret: Buffer.alloc(32, 7) }])
  const checkpointSequence = async () => (await chain.newestCheckpoint())?.sequence ?? 0
  const store = createVerificationStore(drizzle(first.sql))
  for (const head of [(await store.ends()).head, (await store.checkpoints(0, length)).at(-1)]) {
    expect(head && isSignedBy(head, head, key.publicKey)).toBe(true)
  }
  const kept = await checkpointSequence()
  await failLogin(first)
  await expectSealed(first)
  expect(await checkpointSequence()).toBe(kept)
  first.advanceClock(60)
  await failLogin(first)
  expect(await expectSealed(first)).toHaveLength(await checkpointSequence())
})

test.each([
  { what: '', options: {} },
  { what: ', without Redis', options: { redisUrl: null } },
])('an event written through a server that does not seal is sealed at once$what', async ({ options }) => {
  const second = await startBeside(options)
  const delays: number[] = []
  for (let turn = 0; turn < 7; turn++) delays.push(await sealedAfterMs(second, first))
  expect(isSealing(second.logs)).toBe(false)
  expect(median(delays)).toBeLessThan(300) // looking once a second would make it about 500
  await second.close()
})

test('a server that stops seals what it recorded, and another takes over within two seconds', async () => {
  const second = await startBeside()
  await allSealed(first)
  await first.close()
  first = second
  expect(await sealedAfterMs(second, second)).toBeLessThan(2_000)
  expect(isSealing(second.logs)).toBe(true)
  await expectSealed(second)
})
