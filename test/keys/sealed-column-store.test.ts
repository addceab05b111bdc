import { getTableColumns, getTableName } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSealedColumns } from '../../src/keys/sealed-column-store.ts'
import { newId } from '../../src/lib/ids.ts'
import { createTestDatabase } from '../support/database.ts'
import { tables } from '../support/tables.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>
let sql: postgres.Sql
beforeAll(async () => {
  database = await createTestDatabase()
  sql = postgres(database.url, { max: 2, onnotice: () => {} })
})
afterAll(async () => {
  await sql.end()
  await database.drop()
})

const columns = () => createSealedColumns(drizzle(sql))
const messages = () => {
  const found = columns().find(({ name }) => name === 'outgoing_messages.sealed_text')
  if (!found) throw new Error('the column is not handled')
  return found
}
const addMessage = async (sealed: string) => {
  const id = newId()
  await sql`INSERT INTO outgoing_messages (id, recipient, subject, sealed_text, created_at, due_at)
    VALUES (${id}, '', '', ${sealed}, now(), now())`
  return id
}
const sealedTextOf = async (id: string) =>
  (await sql`SELECT sealed_text FROM outgoing_messages WHERE id = ${id}`)[0]?.sealed_text

test('every column of the schema that is named sealed_ is sealed anew by a rotation', () => {
  const named = tables.flatMap((table) =>
    Object.values(getTableColumns(table))
      .filter(({ name }) => name.startsWith('sealed_') && name !== 'sealed_at')
      .map(({ name }) => `${getTableName(table)}.${name}`),
  )
  expect(named.length).toBeGreaterThan(2)
  expect(
    columns()
      .map(({ name }) => name)
      .sort(),
  ).toEqual(named.sort())
})

test('a row that changed since it was read keeps its change', async () => {
  const [changed, same] = [await addMessage('k1:changed'), await addMessage('k1:same')]
  const rows = await messages().page('k2', null, 10)
  await sql`UPDATE outgoing_messages SET sealed_text = 'k1:later' WHERE id = ${changed}`
  const resealed = rows.map(({ id, sealed }) => ({ id, sealed, resealed: `k2:${sealed}` }))
  expect(await messages().replace(resealed)).toBe(1)
  expect([await sealedTextOf(changed), await sealedTextOf(same)]).toEqual(['k1:later', 'k2:k1:same'])
})

test('a row that changes while it is replaced keeps its change, and nobody waits for whoever holds it', async () => {
  const id = await addMessage('k1:held')
  const held = Promise.withResolvers<void>()
  const replaced = Promise.withResolvers<void>()
  const change = sql.begin(async (tx) => {
    await tx`UPDATE outgoing_messages SET sealed_text = 'k1:later' WHERE id = ${id}`
    held.resolve()
    await replaced.promise
  })
  await held.promise
  expect(await messages().replace([{ id, sealed: 'k1:held', resealed: 'k2:held' }])).toBe(0)
  replaced.resolve()
  await change
  expect(await sealedTextOf(id)).toBe('k1:later')
})

test('pages go through what other keys sealed, each row once, and leave out what has no text any more', async () => {
  await sql`DELETE FROM outgoing_messages`
  const ids = await Promise.all(['k1:a', 'k2:b', 'k_:c', 'k1:d', ''].map(addMessage))
  const [first, second, third] = [ids[0], ids[2], ids[3]].sort()
  const page = async (after: string | null) => (await messages().page('k2', after, 2)).map(({ id }) => id)
  expect(await page(null)).toEqual([first, second])
  expect(await page(second ?? '')).toEqual([third])
  expect(await page(third ?? '')).toEqual([])
  expect(await messages().countByKey()).toEqual(
    new Map([
      ['k1', 2],
      ['k2', 1],
      ['k_', 1],
    ]),
  )
})
