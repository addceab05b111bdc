import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Answer, Client } from '../support/client.ts'
import { ConsentsDocument, RecordConsentDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'

let gatehouse: Gatehouse
let other: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
  other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
})
afterAll(async () => {
  await other.close()
  await gatehouse.close()
})

const decision = { purpose: 'newsletter', version: '2026-11', granted: true }

const begin = async () => {
  const user = await gatehouse.createUser()
  const client = await gatehouse.signedInAs(user)
  return { user, client, elsewhere: other.clientWith(client.token) }
}

test('the newest decision on each purpose counts, and every decision is kept and recorded', async () => {
  const { user, client, elsewhere } = await begin()
  await client.ask(RecordConsentDocument, { input: decision })
  await elsewhere.ask(RecordConsentDocument, { input: { ...decision, purpose: 'analytics' } })
  const withdrawn = { ...decision, granted: false }
  const { recordConsent } = await elsewhere.ask(RecordConsentDocument, { input: withdrawn })
  expect(recordConsent).toMatchObject(withdrawn)
  await client.ask(RecordConsentDocument, { input: { ...withdrawn, version: '2026-12' } })

  const { consents } = await client.ask(ConsentsDocument, {})
  expect(consents).toMatchObject([
    { purpose: 'analytics', version: '2026-11', granted: true },
    { purpose: 'newsletter', version: '2026-12', granted: false },
  ])
  expect(await gatehouse.sql`SELECT 1 FROM consents WHERE user_id = ${user.id}`).toHaveLength(4)
  expect(
    (await historyOf(gatehouse, user)).map(({ type, details }) => [type, details.purpose, details.version]),
  ).toEqual([
    ['CONSENT_RECORDED', 'newsletter', '2026-11'],
    ['CONSENT_RECORDED', 'analytics', '2026-11'],
    ['CONSENT_WITHDRAWN', 'newsletter', '2026-11'],
    ['CONSENT_WITHDRAWN', 'newsletter', '2026-12'],
  ])
})

test('of fifty equal decisions at once over two servers one is kept and recorded, and all answer with it', async () => {
  const { user, client, elsewhere } = await begin()
  const answers = await atOnce(50, [client, elsewhere], (door) => door.send(RecordConsentDocument, { input: decision }))
  expect(tally(answers)).toEqual({ OK: 50 })
  expect(new Set(answers.map(({ data }) => data?.recordConsent.recordedAt)).size).toBe(1)
  expect(await gatehouse.sql`SELECT 1 FROM consents WHERE user_id = ${user.id}`).toHaveLength(1)
  expect(await historyOf(gatehouse, user)).toHaveLength(1)
})

test.each([
  ['input.purpose', { purpose: '' }],
  ['input.purpose', { purpose: 'News letter' }],
  ['input.purpose', { purpose: 'a'.repeat(65) }],
  ['input.purpose', { purpose: 'alice@example.com' }],
  ['input.version', { version: '' }],
  ['input.version', { version: 'v'.repeat(33) }],
])('%s of another form is refused by name, and nothing is kept: %j', async (path, wrong) => {
  const { user, client } = await begin()
  const { extensions } = await client.refused(RecordConsentDocument, { input: { ...decision, ...wrong } })
  expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path }] })
  expect(await gatehouse.sql`SELECT 1 FROM consents WHERE user_id = ${user.id}`).toHaveLength(0)
})

test('a hundred purposes are the most; those that were decided on before can be changed still', async () => {
  const { user, client } = await begin()
  await gatehouse.sql`
    INSERT INTO consents (user_id, purpose, version, granted, recorded_at)
    SELECT ${user.id}, 'purpose-' || n, '1', true, now() FROM generate_series(1, 100) n`
  const { extensions } = await client.refused(RecordConsentDocument, { input: decision })
  expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'input.purpose' }] })
  await client.ask(RecordConsentDocument, { input: { purpose: 'purpose-7', version: '1', granted: false } })
  expect((await client.ask(ConsentsDocument, {})).consents).toHaveLength(100)
})

test('decisions beyond a hundred in a quarter of an hour are refused, and of others as many are free', async () => {
  const { client, elsewhere } = await begin()
  const answers: Answer<unknown>[] = []
  for (let turn = 0; turn < 110; turn += 10) {
    const decide = (door: Client, index: number) =>
      door.send(RecordConsentDocument, { input: { ...decision, version: String(turn + index) } })
    answers.push(...(await atOnce(10, [client, elsewhere], decide)))
  }
  expect(tally(answers)).toEqual({ OK: 100, RATE_LIMITED: 10 })
  await (await begin()).client.ask(RecordConsentDocument, { input: decision })
})

test('the role of servers can not alter what a user decided', async () => {
  const { client } = await begin()
  await client.ask(RecordConsentDocument, { input: decision })
  await expect(
    gatehouse.sql.begin(async (tx) => {
      await tx`SET LOCAL ROLE gatehouse_app`
      await tx`UPDATE consents SET granted = false`
    }),
  ).rejects.toThrow('permission denied')
})
