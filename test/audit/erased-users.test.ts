import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { digestOf, linkHash } from '../../src/audit/chain.ts'
import { createErasedUsers } from '../../src/audit/erased-users-service.ts'
import type { EventReport } from '../../src/audit/security-event.ts'
import { createSeenHead } from '../../src/audit/seen-head.ts'
import { createVerifyLog } from '../../src/audit/verification-service.ts'
import { createVerificationStore } from '../../src/audit/verification-store.ts'
import { newId } from '../../src/lib/ids.ts'
import { createErasedRowsStore } from '../../src/privacy/erased-rows-store.ts'
import { createErasureStore } from '../../src/privacy/erasure-store.ts'
import { asServer, createTestDatabase } from '../support/database.ts'
import { openLog, sealingKey } from '../support/sealed-log.ts'

const [erased, stranger] = [newId(), newId()]
const about = { outcome: 'SUCCESS', client: { ipAddress: '192.0.2.1', userAgent: 'x' } } as const

let database: Awaited<ReturnType<typeof createTestDatabase>>
let log: ReturnType<typeof openLog>
beforeAll(async () => {
  database = await createTestDatabase()
  log = openLog(database.url)
  for (const id of [erased, stranger])
    await log.sql`
      INSERT INTO users (id, email, email_key, role, status, session_tag, created_at)
      VALUES (${id}, ${id}, ${id}, 'USER', 'ACTIVE', ${id}, now())`
  const events: EventReport[] = [erased, stranger].map((userId) => ({ ...about, type: 'LOGGED_OUT', userId }))
  await log.append(...events, { ...about, type: 'ACCOUNT_UNLOCKED', userId: stranger, actorId: erased })
  await log.append({ ...about, type: 'ACCOUNT_ERASED', userId: erased, client: null })
  await createErasureStore(log.db).bury(erased)
  await log.seal()
  for (const role of ['user_id', 'actor_id'] as const)
    await createErasedRowsStore(log.db).erasePersonalData(erased, role, null)
})
afterAll(async () => {
  await log.close()
  await database.drop()
})

const store = () => createVerificationStore(log.db)
const finding = async () => {
  const keys = new Map([[sealingKey.id, sealingKey.publicKey]])
  return (await createVerifyLog({ store: store(), keys, seen: createSeenHead() })({ from: null, to: null })).finding
}
const companionsLeft = async () =>
  (
    await log.sql`SELECT type FROM security_events JOIN security_event_personal_data ON event_id = id ORDER BY type`
  ).map(({ type }) => type)
const rolledBack = async <T>(work: () => Promise<T>): Promise<T> => {
  await log.sql`BEGIN`
  await log.sql`SET LOCAL session_replication_role = replica` // triggers are off
  try {
    return await work()
  } finally {
    await log.sql`ROLLBACK`
  }
}

test('H8: what stood beside events about an erased user, or done by them, is gone, and the log is intact', async () => {
  expect(await companionsLeft()).toEqual(['ACCOUNT_ERASED', 'LOGGED_OUT'])
  expect(await finding()).toBeNull()
})

const removeCompanions = () =>
  log.sql`DELETE FROM security_event_personal_data
    WHERE event_id IN (SELECT id FROM security_events WHERE user_id = ${stranger})`
const copyErasure = (eventId: string) =>
  log.sql`INSERT INTO erasures SELECT ${stranger}, ${eventId}, severity, erased_at, actor_id, session_id, personal_digest FROM erasures`
const forgeEvent = async (): Promise<string> => {
  const id = newId()
  await log.sql`
    INSERT INTO security_events
    SELECT ${id}, type, severity, outcome, occurred_at, ${stranger}, actor_id, session_id, personal_digest
    FROM security_events WHERE type = 'ACCOUNT_ERASED'`
  await log.sql`INSERT INTO unsealed_security_events (event_id) VALUES (${id})`
  return id
}

test.each<[string, string, () => Promise<unknown>]>([
  ['as if there had been an erasure', 'personalDataMissing', async () => {}],
  [
    'with the status of an erased user',
    'personalDataMissing',
    () => log.sql`UPDATE users SET status = 'ERASED' WHERE id = ${stranger}`,
  ],
  [
    "with somebody else's erasure",
    'personalDataMissing',
    async () => copyErasure((await log.sql`SELECT event_id FROM erasures`)[0]?.event_id),
  ],
  ['with an erasure that is not sealed', 'personalDataMissing', async () => copyErasure(await forgeEvent())],
  [
    'with an erasure and a link made for it',
    'headSetBack',
    async () => {
      const id = await forgeEvent()
      await copyErasure(id)
      const forged = await log.sql`SELECT * FROM security_events WHERE id = ${id}`
      const [row] = forged
      const digest = digestOf({
        id,
        type: 'ACCOUNT_ERASED',
        severity: row?.severity,
        outcome: 'SUCCESS',
        occurredAt: new Date(row?.occurred_at),
        userId: stranger,
        actorId: row?.actor_id,
        sessionId: row?.session_id,
        personalDigest: row?.personal_digest,
      })
      const [last] = await log.sql`SELECT sequence::int, hash FROM audit_links ORDER BY sequence DESC LIMIT 1`
      const sequence = last?.sequence + 1
      await log.sql`INSERT INTO audit_links VALUES (${sequence}, ${id}, ${digest}, ${linkHash(last?.hash, sequence, digest)})`
      await log.sql`DELETE FROM unsealed_security_events WHERE event_id = ${id}`
    },
  ],
])('H7: a superuser who removes personal data of somebody else, %s, is found', async (_how, problem, forge) => {
  const found = await rolledBack(async () => {
    await forge()
    await removeCompanions()
    return finding()
  })
  expect(found?.problem).toBe(problem)
  expect(await finding()).toBeNull()
})

test('H7: that of the erasure itself must stay', async () => {
  const found = await rolledBack(async () => {
    await log.sql`DELETE FROM security_event_personal_data
      WHERE event_id IN (SELECT id FROM security_events WHERE type = 'ACCOUNT_ERASED')`
    return finding()
  })
  expect(found?.problem).toBe('personalDataMissing')
})

test('H8: an erasure counts also once its event was archived and dropped', async () => {
  await rolledBack(async () => {
    await log.sql`DELETE FROM security_events WHERE type = 'ACCOUNT_ERASED'`
    const { judgeAbsent } = createErasedUsers(store())
    expect(await judgeAbsent({ id: newId(), userId: erased, actorId: null })).toBeNull()
    expect(await judgeAbsent({ id: newId(), userId: stranger, actorId: erased })).toBeNull()
    expect(await judgeAbsent({ id: newId(), userId: stranger, actorId: null })).toBe('personalDataMissing')
  })
})

test('H7: the role of servers takes personal data out by erasure alone, and of nobody else', async () => {
  const server = postgres(asServer(database.url), { max: 1, onnotice: () => {} })
  try {
    const events = (await server`SELECT id FROM security_events`).map(({ id }) => id)
    await expect(server`DELETE FROM security_event_personal_data`).rejects.toThrow('permission denied')
    await expect(server`SELECT erase_personal_data(${stranger}, ${events})`).rejects.toThrow('is sealed')
    await server.begin(async (tx) => {
      await tx`UPDATE users SET status = 'ERASED' WHERE id = ${stranger}`
      await expect(tx.savepoint((sp) => sp`SELECT erase_personal_data(${stranger}, ${events})`)).rejects.toThrow(
        'is sealed',
      )
      await tx`UPDATE users SET status = 'ACTIVE' WHERE id = ${stranger}`
    })
    expect(await server`SELECT erase_personal_data(${erased}, ${events}) AS gone`).toEqual([{ gone: 0 }])
    expect(await companionsLeft()).toEqual(['ACCOUNT_ERASED', 'LOGGED_OUT'])
  } finally {
    await server.end()
  }
})
