import { drizzle } from 'drizzle-orm/postgres-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRetentionStore } from '../../src/retention/retention-store.ts'
import { LogoutDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

test('an end stays on the list after Redis was told, and is noted as told', async () => {
  const session = await gatehouse.signedInAs(await gatehouse.createUser())
  await session.ask(LogoutDocument, {})
  await eventually(async () => {
    const rows = await gatehouse.sql`select reason, told_at from ended_tokens`
    return rows.length === 1 && rows[0]?.told_at !== null && rows[0]?.reason === 'SIGNED_OUT'
  })
})

test('what Redis was told of is forgotten in its time; what it was not, once no session can be so old', async () => {
  const before = new Date('2030-03-01T00:00:00Z')
  await gatehouse.sql`
    insert into ended_tokens (token_hash, session_tag, reason, ended_at, told_at) values
      ('told long ago', 't', null, '2030-02-28T23:00:00Z', '2030-02-28T23:59:59Z'),
      ('told late', 't', null, '2030-02-28T23:00:00Z', '2030-03-01T00:00:01Z'),
      ('told just now', 't', null, '2030-03-01T00:00:01Z', '2030-03-01T00:00:01Z'),
      ('never told', 't', null, '2030-02-01T00:00:00Z', null),
      ('never told, and older than any session', 't', null, '2030-01-01T00:00:00Z', null)`
  await createRetentionStore(drizzle(gatehouse.sql)).endedTokens.deleteSome(before)
  const rows = await gatehouse.sql`select token_hash from ended_tokens where session_tag = 't' order by token_hash`
  expect(rows.map(({ token_hash: hash }) => hash)).toEqual(['never told', 'told just now', 'told late'])
})
