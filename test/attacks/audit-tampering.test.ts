import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSeenHead } from '../../src/audit/seen-head.ts'
import { createVerifyLog, type VerifyLog } from '../../src/audit/verification-service.ts'
import { createVerificationStore } from '../../src/audit/verification-store.ts'
import { createTestDatabase } from '../support/database.ts'
import { openLog, sealingKey } from '../support/sealed-log.ts'
import { manipulations, randomFrom } from '../support/tampering.ts'

const rounds = Number(process.env.GATEHOUSE_ROUNDS ?? 200)
const all = { from: null, to: null }

let database: Awaited<ReturnType<typeof createTestDatabase>>
let log: ReturnType<typeof openLog>
let verify: VerifyLog
beforeAll(async () => {
  database = await createTestDatabase()
  log = openLog(database.url)
  for (let turn = 1; turn <= 10; turn++) {
    await log.record(turn)
    await log.seal()
  }
  await log.record(3, 1)
  await log.seal() // a head that is no checkpoint
  await log.record(3) // which wait
  const keys = new Map([[sealingKey.id, sealingKey.publicKey]])
  verify = createVerifyLog({ store: createVerificationStore(log.db), keys, seen: createSeenHead() })
})
afterAll(async () => {
  await log.close()
  await database.drop()
})

const rolledBack = async <T>(work: () => Promise<T>): Promise<T> => {
  await log.sql`BEGIN`
  await log.sql`SET LOCAL session_replication_role = replica` // triggers are off
  try {
    return await work()
  } finally {
    await log.sql`ROLLBACK`
  }
}

test('a log that nobody touched is intact', async () => {
  const { finding, checkedEvents, head } = await verify(all)
  expect({ finding, checkedEvents, sequence: head?.sequence }).toEqual({
    finding: null,
    checkedEvents: 58,
    sequence: 58,
  })
})

test(`H7: each of ${rounds} random manipulations by a superuser is found, and what is wrong is said`, async () => {
  const seed = Number(process.env.GATEHOUSE_SEED ?? randomInt(2 ** 31))
  const random = randomFrom(seed)
  for (let round = 0; round < rounds; round++) {
    // Each kind in turn, so that none is left to chance.
    const { name, problems, run } = manipulations[round % manipulations.length] as (typeof manipulations)[number]
    const label = `${name} (GATEHOUSE_SEED=${seed}, round ${round})`
    const { finding, expected } = await rolledBack(async () => {
      const expected = (await run(log.sql, random)) as { brokenAt?: string } | undefined
      return { expected, finding: (await verify(all)).finding }
    })
    expect(problems, label).toContain(finding?.problem)
    if (expected?.brokenAt) expect(finding?.eventId, label).toBe(expected.brokenAt)
    expect((await verify(all)).finding, `after ${label}`).toBeNull()
  }
}, 600_000)
