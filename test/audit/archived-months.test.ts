import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ArchiveRecord, type SignedArchive, signArchive } from '../../src/audit/archive.ts'
import { auditKeysOf } from '../../src/audit/audit-key.ts'
import { createSeenHead } from '../../src/audit/seen-head.ts'
import { createVerifyLog } from '../../src/audit/verification-service.ts'
import { createVerificationStore } from '../../src/audit/verification-store.ts'
import { auditArchives } from '../../src/db/tables/audit.ts'
import { createTestDatabase } from '../support/database.ts'
import { fillTwoMonths, firstOfMonth, openLog, sealingKey } from '../support/sealed-log.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>
let log: ReturnType<typeof openLog>
beforeAll(async () => {
  database = await createTestDatabase()
  log = openLog(database.url)
  await fillTwoMonths(log)
})
afterAll(async () => {
  await log.close()
  await database.drop()
})

const month = firstOfMonth(1).toISOString().slice(0, 10)
const partition = `security_events_${month.slice(0, 7).replace('-', '_')}`
const [foreignKey] = auditKeysOf([{ id: 'other', secret: Buffer.alloc(32, 8) }])

/** What `fillTwoMonths` left of last month. */
const record: ArchiveRecord = {
  month,
  events: 3,
  firstSequence: 1,
  lastSequence: 4,
  file: 'a file',
  fileDigest: Buffer.alloc(32, 1),
  archivedAt: new Date('2026-01-01T00:00:00Z'),
}
const dropMonth = () =>
  log.sql`DROP TABLE ${log.sql(partition)}, ${log.sql(partition.replace('events', 'event_personal_data'))}`

/** What is found once the month has this record, and its events went in this way; rolled back afterwards. */
const findingWith = async (archive: SignedArchive | null, remove: () => Promise<unknown>) => {
  await log.sql`BEGIN`
  await log.sql`SET LOCAL session_replication_role = replica`
  try {
    if (archive) await log.db.insert(auditArchives).values(archive)
    await remove()
    const keys = new Map([[sealingKey.id, sealingKey.publicKey]])
    const store = createVerificationStore(log.db)
    return (await createVerifyLog({ store, keys, seen: createSeenHead() })({ from: null, to: null })).finding
  } finally {
    await log.sql`ROLLBACK`
  }
}
const genuine = signArchive(record, sealingKey)
const nothing = async () => {}

test('a head that is noted while a verification begins is no cut', async () => {
  const seen = createSeenHead()
  const store = createVerificationStore(log.db)
  const ends = async () => {
    const read = await store.ends()
    if (read.head) seen.note({ ...read.head, sequence: read.head.sequence + 1 })
    return read
  }
  const keys = new Map([[sealingKey.id, sealingKey.publicKey]])
  const verify = createVerifyLog({ store: { ...store, ends }, keys, seen })
  expect((await verify({ from: null, to: null })).finding).toBeNull()
})

test('a month that was archived may be dropped, and need not be', async () => {
  expect(await findingWith(genuine, dropMonth)).toBeNull()
  expect(await findingWith(genuine, nothing)).toBeNull()
})

test.each<[string, SignedArchive | null, () => Promise<unknown>, string]>([
  ['a month dropped that was not archived', null, dropMonth, 'eventMissing'],
  [
    'one event gone of a month that was archived',
    genuine,
    () => log.sql`DELETE FROM security_events WHERE id = (SELECT event_id FROM audit_links WHERE sequence = 2)`,
    'eventMissing',
  ],
  ['a record that the key did not sign', { ...genuine, file: 'another' }, dropMonth, 'archiveForged'],
  ['a record that another key signed', signArchive(record, foreignKey), dropMonth, 'archiveForged'],
  ['a forged record of a month that is there', { ...genuine, events: 2 }, nothing, 'archiveForged'],
  [
    'a month with an event more than was archived',
    signArchive({ ...record, events: 2 }, sealingKey),
    dropMonth,
    'archiveContradicted',
  ],
  [
    'an event behind the end of the archive',
    signArchive({ ...record, lastSequence: 2 }, sealingKey),
    dropMonth,
    'eventMissing',
  ],
])('H7: %s is found', async (_what, archive, remove, problem) => {
  expect((await findingWith(archive, remove))?.problem).toBe(problem)
})

test('H7: a link that is passed off as one of a dropped month is found', async () => {
  const finding = await findingWith(genuine, async () => {
    await dropMonth()
    const [last] = await log.sql`SELECT event_id FROM audit_links ORDER BY sequence DESC LIMIT 1`
    await log.sql`DELETE FROM security_events WHERE id = ${last?.event_id}`
    await log.sql`DELETE FROM security_event_personal_data WHERE event_id = ${last?.event_id}`
    await log.sql`
      UPDATE audit_links SET event_id = (overlay(event_id::text placing
        (SELECT left(event_id::text, 13) FROM audit_links WHERE sequence = 1) from 1))::uuid
      WHERE event_id = ${last?.event_id}`
  })
  expect(finding?.problem).toBe('eventMissing')
})
