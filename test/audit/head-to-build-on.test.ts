import { afterEach, beforeEach, expect, test } from 'vitest'
import { digestOf, genesisHash, linkHash } from '../../src/audit/chain.ts'
import { createVerificationStore } from '../../src/audit/verification-store.ts'
import { asServer, createTestDatabase } from '../support/database.ts'
import { openLog } from '../support/sealed-log.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>
let log: ReturnType<typeof openLog>
beforeEach(async () => {
  database = await createTestDatabase()
  log = openLog(database.url)
  for (const _minute of [1, 2, 3]) {
    await log.record(5)
    await log.seal()
  }
})
afterEach(async () => {
  await log.close()
  await database.drop()
})

const asSuperuser = (work: (sql: typeof log.sql) => Promise<unknown>) =>
  log.sql.begin(async (tx) => {
    await tx`SET LOCAL session_replication_role = replica`
    await work(tx as unknown as typeof log.sql)
  })

const links = async () => (await log.sql`SELECT count(*)::int AS found FROM audit_links`)[0]?.found

test('H7: history that was rewritten with a whole chain of its own is not made good by the next signature', async () => {
  const stored = await createVerificationStore(log.db).links(0, 15)
  await asSuperuser(async (sql) => {
    await sql`UPDATE security_events SET outcome = 'DENIED'`
    let hash: Buffer = genesisHash
    for (const { sequence, event } of stored) {
      const digest = event && digestOf({ ...event, outcome: 'DENIED' })
      if (!digest) throw new Error('An event is missing')
      hash = linkHash(hash, sequence, digest)
      await sql`UPDATE audit_links SET digest = ${digest}, hash = ${hash} WHERE sequence = ${sequence}`
    }
    await sql`DELETE FROM audit_checkpoints`
    await sql`UPDATE audit_head SET hash = ${hash}, signature = ${Buffer.from([0])}`
  })
  await log.record(1)
  for (const anyServer of [log, openLog(asServer(database.url))]) {
    await expect(anyServer.seal()).rejects.toThrow('The head is not as a known key signed it')
    if (anyServer !== log) await anyServer.close()
  }
  expect(await links()).toBe(15)
})

test('H7: a server that sealed goes on to refuse a log that was set back, also once another has sealed past that', async () => {
  const [copied] = await log.sql`SELECT sequence, hash, sealed_at, key_id, signature FROM audit_head`
  await log.record(2)
  await log.seal()
  await asSuperuser(async (sql) => {
    await sql`DELETE FROM security_events WHERE id IN (SELECT event_id FROM audit_links WHERE sequence > 15)`
    for (const table of ['audit_links', 'audit_checkpoints']) await sql`DELETE FROM ${sql(table)} WHERE sequence > 15`
    await sql`UPDATE audit_head SET ${sql(copied ?? {})}`
  })
  await log.record(1)
  await expect(log.seal()).rejects.toThrow('The log ends before a head that was seen earlier')
  const other = openLog(database.url)
  await other.record(5)
  await other.seal()
  await other.close()
  expect(await links()).toBeGreaterThan(17)
  await log.record(1)
  await expect(log.seal()).rejects.toThrow('The log is not the one whose head was seen earlier')
})

test('a head that anybody broke stops the sealing, and what is recorded meanwhile is sealed once it is put back', async () => {
  const [copied] = await log.sql`SELECT hash FROM audit_head`
  await log.sql`UPDATE audit_head SET hash = sha256('x')`
  await log.record(3)
  await expect(log.seal()).rejects.toThrow('The chain is not the one that its head was signed for')
  await log.sql`UPDATE audit_head SET hash = ${copied?.hash}`
  await log.seal()
  expect(await links()).toBe(18)
})
