import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { secondsAfter } from '../../src/lib/clock.ts'
import { createTestDatabase } from '../support/database.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { rootOperations, writtenSchema } from '../support/schema-walk.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

/** What is answered without a statement: from the caller's snapshot, and the policies. */
const inMemory = ['me', 'mfaPolicies', 'reauthenticate']
const internals = /relation|select |insert |update |postgres|ECONN|127\.0\.0\.1|node_modules|\.ts\b|stack|schema_gone/i

describe.each([{ isProduction: true }, { isProduction: false }])('production: $isProduction', ({ isProduction }) => {
  let gatehouse: Gatehouse
  let admin: Awaited<ReturnType<Gatehouse['signedInAs']>>

  beforeAll(async () => {
    gatehouse = await startGatehouse({ config: { isProduction } })
    const user = await gatehouse.createUser({ role: 'ADMIN' })
    await gatehouse.giveTotp(user)
    admin = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], secondsAfter(gatehouse.now(), 3600))
    await admin.sendText('{ me { id } }') // from here on Redis knows the session
    await gatehouse.sql`ALTER SCHEMA public RENAME TO schema_gone`
  })
  afterAll(() => gatehouse.close())

  test.each(rootOperations(writtenSchema, 3))(
    'F8 $name that fails inside says only that it failed, and where to look',
    async ({ name, text }) => {
      const answer = await admin.sendText(text)
      expect(answer.text).not.toMatch(internals)
      const faults = (answer.errors ?? []).filter(({ extensions }) => extensions.code === 'INTERNAL_SERVER_ERROR')
      if (!inMemory.includes(name)) expect(faults).not.toEqual([])
      for (const { message, extensions } of faults) {
        expect(message).toBe('Something went wrong on our side.')
        expect(Object.keys(extensions).sort()).toEqual(['code', 'requestId'])
        expect(extensions.requestId).toBe(answer.headers.get('x-request-id'))
        expect(
          gatehouse.logs.some((line) => line.includes(String(extensions.requestId)) && line.includes('does not exist')),
        ).toBe(true)
      }
      if (faults.length > 0 && answer.data === null) expect(answer.status).toBe(500)
    },
  )
})

test('F8 a database that can not be reached is SERVICE_DEGRADED, with neither its host nor its words', async () => {
  const database = await createTestDatabase()
  const proxy = await startTcpProxy(database.url)
  const gatehouse = await startGatehouse({ databaseUrl: proxy.url, redisUrl: null })
  const client = await gatehouse.signedInAs(await gatehouse.createUser())
  proxy.cut()
  const login = 'mutation { login(input: { email: "ada@example.com", password: "a guess" }) { __typename } }'
  for (const [caller, query] of [
    [client, '{ me { id } }'],
    [gatehouse.anonymous, login],
  ] as const) {
    const { status, text, errors } = await caller.sendText(query)
    expect([status, errors?.[0]?.extensions]).toEqual([503, { code: 'SERVICE_DEGRADED' }])
    expect(text).not.toMatch(internals)
  }
  await gatehouse.close()
  proxy.close()
  await database.drop()
})

test('F8 a client that errs leaves no fault in the log', async () => {
  const gatehouse = await startGatehouse()
  for (const query of [
    '{',
    '{ nothing }',
    '{ me }',
    'mutation { login(input: { email: 1, password: 2 }) { __typename } }',
  ])
    expect((await gatehouse.anonymous.sendText(query)).status).toBe(400)
  const faults = gatehouse.logs.filter((line) => /"level":[56]0/.test(line))
  expect(faults).toEqual([])
  await gatehouse.close()
})
