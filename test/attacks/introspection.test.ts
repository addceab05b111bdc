import { getIntrospectionQuery } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse({ config: { isProduction: true } })
})
afterAll(() => gatehouse.close())

const clientOf = async (role: 'USER' | 'AUDITOR' | 'ADMIN' | null) =>
  role ? gatehouse.signedInAs(await gatehouse.createUser({ role })) : gatehouse.anonymous

const introspections = {
  'the standard query': getIntrospectionQuery(),
  'one type': '{ __type(name: "User") { name } }',
  'an alias': '{ harmless: __schema { queryType { name } } }',
  'a fragment': 'query { ...F } fragment F on Query { __schema { queryType { name } } }',
  'an inline fragment': '{ ... { ... on Query { __schema { queryType { name } } } } }',
  'a mutation': 'mutation { __schema { queryType { name } } }',
  'a companion of a public field':
    'mutation { confirmEmail(input: { token: "x" }) { __typename } __schema { queryType { name } } }',
  'a field that a variable lets in':
    'query ($in: Boolean = true) { __typename __schema @include(if: $in) { queryType { name } } }',
  'another operation of the document': 'query A { __schema { queryType { name } } } query B { __typename }',
}

describe.each([null, 'USER', 'AUDITOR'] as const)('in production, as %s', (role) => {
  test.each(Object.entries(introspections))('F3 introspection by %s is refused', async (_name, query) => {
    const { status, text } = await (await clientOf(role)).sendText(query)
    expect([400, 403]).toContain(status)
    expect(text).not.toMatch(/queryType|"kind"|"data":\{/)
  })

  test.each([
    '{ listSession { id } }',
    '{ me { emai } }',
    '{ me }',
    'mutation { logi }',
    'mutation { login(inputs: 1) { __typename } }',
    'mutation { enrolMfa(input: { method: TOPT }) { __typename } }',
    'mutation { enrolMfa(input: { methods: TOTP }) { __typename } }',
    'mutation ($input: LogInput!) { login(input: $input) { __typename } }',
    'query @includ(if: true) { __typename }',
    'mutation { login(input: { email: "a@example.com", password: "x" }) { ... on MfaRequire { __typename } } }',
    'mutation { login(input: { email: "a@example.com", password: "x" }) { challenge { id } } }',
  ])('F3 %s gets no suggestion', async (query) => {
    const { status, text } = await (await clientOf(role)).sendText(query)
    expect(status).toBe(400)
    expect(text).not.toMatch(/did you mean|listSessions|"email\\"|MfaRequired/i)
  })

  test('F3 a variable with a misspelt value or field gets no suggestion', async () => {
    const query = 'mutation ($input: EnrolMfaInput!) { enrolMfa(input: $input) { __typename } }'
    const { text } = await (await clientOf(role)).sendText(query, { input: { method: 'TOTB', labl: 'x' } })
    expect(text).not.toMatch(/did you mean|TOTP|"label/i)
  })
})

test('F3 a signed-in ADMIN introspects production, as Sandbox does, and gets suggestions', async () => {
  const admin = await clientOf('ADMIN')
  const { status, data } = await admin.sendText(getIntrospectionQuery())
  expect([status, data]).toEqual([
    200,
    { __schema: expect.objectContaining({ queryType: expect.objectContaining({ name: 'Query' }) }) },
  ])
  expect((await admin.sendText('{ listSession { id } }')).text).toContain('Did you mean \\"listSessions\\"')
})
