import { afterAll, beforeAll, expect, test } from 'vitest'
import { countEvents, rowCounts } from '../support/evidence.ts'
import { type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'

let gatehouse: Gatehouse
let user: TestUser
beforeAll(async () => {
  gatehouse = await startGatehouse()
  user = await gatehouse.createUser()
})
afterAll(() => gatehouse.close())

const attempts = {
  login: () => `login(input: { email: "${user.email}", password: "wrong" }) { __typename }`,
  verifyMfa: () =>
    'verifyMfa(input: { challengeId: "0198c0de-0000-7000-8000-000000000000", code: "123456" }) { __typename }',
  confirmEmail: () => 'confirmEmail(input: { token: "guess" }) { __typename }',
}
const aliased = (count: number, attempt: string) =>
  Array.from({ length: count }, (_, n) => `a${n}: ${attempt}`).join(' ')

test.each(Object.entries(attempts))('A7 1,000 guesses at %s in one document are none', async (_name, attempt) => {
  const before = await rowCounts(gatehouse.sql)
  for (const count of [11, 31, 1_000]) {
    const { status, text } = await gatehouse.anonymous.sendText(`mutation { ${aliased(count, attempt())} }`)
    expect([400, 413]).toContain(status)
    expect(text).not.toContain('"data"')
    const hidden = `mutation { ...F } fragment F on Mutation { ${aliased(count, attempt())} }`
    expect([400, 413]).toContain((await gatehouse.anonymous.sendText(hidden)).status)
  }
  expect(await rowCounts(gatehouse.sql)).toBe(before)
})

test('A7 every guess that a document makes is counted, and the first wrong one ends it', async () => {
  const before = await countEvents(gatehouse.sql, 'LOGIN_FAILED')
  const { errors } = await gatehouse.anonymous.sendText(`mutation { ${aliased(10, attempts.login())} }`)
  expect(errors).toHaveLength(1)
  expect(await countEvents(gatehouse.sql, 'LOGIN_FAILED')).toBe(before + 1)
})

const jsonHeaders = { 'content-type': 'application/json' }
const single = () => ({ query: `mutation { ${attempts.login()} }` })

test.each<[string, () => RequestInit]>([
  ['an array of operations', () => ({ headers: jsonHeaders, body: JSON.stringify([single(), single()]) })],
  ['an array of one', () => ({ headers: jsonHeaders, body: JSON.stringify([single()]) })],
  ['an empty array', () => ({ headers: jsonHeaders, body: '[]' })],
  [
    'a multipart batch',
    () => {
      const body = new FormData()
      body.set('operations', JSON.stringify([single(), single()]))
      body.set('map', '{}')
      return { headers: { 'apollo-require-preflight': 'true' }, body }
    },
  ],
  [
    'a persisted query',
    () => ({
      headers: jsonHeaders,
      body: JSON.stringify({ ...single(), extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } } }),
    }),
  ],
  [
    'the hash of a persisted query alone',
    () => ({
      headers: jsonHeaders,
      body: JSON.stringify({ extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } } }),
    }),
  ],
])('A8 %s is refused and tries nothing', async (_name, request) => {
  const before = await rowCounts(gatehouse.sql)
  const response = await fetch(`${gatehouse.url}/graphql`, { method: 'POST', ...request() })
  const text = await response.text()
  expect([400, 415]).toContain(response.status)
  expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
  expect(await rowCounts(gatehouse.sql)).toBe(before)
})
