import { randomInt } from 'node:crypto'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSeenHead } from '../../src/audit/seen-head.ts'
import { createVerifyLog, type VerifyLog } from '../../src/audit/verification-service.ts'
import { createVerificationStore } from '../../src/audit/verification-store.ts'
import { asServer, createTestDatabase } from '../support/database.ts'
import { roundsOf } from '../support/rounds.ts'
import { openLog, sealingKey } from '../support/sealed-log.ts'
import { manipulations, randomFrom } from '../support/tampering.ts'

const rounds = roundsOf(200)
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

test("H7: the role that servers use can't alter, delete or empty what was recorded, partition by partition", async () => {
  const server = postgres(asServer(database.url), { max: 1, onnotice: () => {} })
  const partitions = await log.sql`
    SELECT inhrelid::regclass::text AS name FROM pg_inherits
    WHERE inhparent IN ('security_events'::regclass, 'security_event_personal_data'::regclass)`
  expect(partitions.length).toBeGreaterThan(4)
  const columns = {
    security_events: 'type',
    security_event_personal_data: 'salt',
    audit_links: 'hash',
    audit_checkpoints: 'hash',
    audit_archives: 'file',
  }
  const tables = [
    ...Object.entries(columns),
    ...partitions.map(({ name }) => [name, name.includes('personal') ? 'salt' : 'type']),
  ]
  const statements = tables.flatMap(([table, column]) => [
    `UPDATE ${table} SET ${column} = DEFAULT`,
    `DELETE FROM ${table}`,
    `TRUNCATE ${table}`,
    `DROP TABLE ${table}`,
    `ALTER TABLE ${table} DISABLE TRIGGER ALL`,
  ])
  const circumventions = [
    'SET session_replication_role = replica',
    'SET ROLE postgres',
    'DELETE FROM audit_head',
    'INSERT INTO audit_head SELECT * FROM audit_head',
    'UPDATE unsealed_security_events SET ordinal = DEFAULT',
    'TRUNCATE unsealed_security_events',
    'ALTER TABLE security_events OWNER TO gatehouse_app',
  ]
  const refusals = await Promise.all(
    [...statements, ...circumventions].map((statement) =>
      server.unsafe(statement).then(
        () => `${statement} was done`,
        ({ code }) => (code === '42501' ? null : `${statement}: ${code}`),
      ),
    ),
  )
  expect(refusals.filter(Boolean)).toEqual([])
  await server.end()
  expect((await verify(all)).finding).toBeNull()
})
