import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'

let gatehouse: Gatehouse
let token: string
beforeAll(async () => {
  gatehouse = await startGatehouse()
  const client = await gatehouse.signedInAs(await gatehouse.createUser())
  token = client.token
  expect((await client.sendText('{ me { id } }')).status).toBe(200)
})
afterAll(() => gatehouse.close())

const places: Record<string, (token: string) => [url: string, headers?: Record<string, string>]> = {
  'the query string': (text) => [`/graphql?token=${text}`],
  'access_token (RFC 6750 §2.3)': (text) => [`/graphql?access_token=${text}`],
  'authorization in the query string': (text) => [`/graphql?authorization=Bearer%20${text}`],
  'the path': (text) => [`/graphql/${text}`],
  'a fragment of the query string and another path': (text) => [`/nowhere?token=${text}`],
  'the health checks': (text) => [`/healthz?token=${text}`],
  'a cookie of another name': (text) => ['/graphql', { cookie: `token=${text}` }],
  'a header of another name': (text) => ['/graphql', { 'x-access-token': text, 'x-authorization': `Bearer ${text}` }],
  'another scheme': (text) => ['/graphql', { authorization: `Basic ${text}` }],
}

test.each(Object.entries(places))('D13 a token in %s opens nothing and is not logged', async (_name, place) => {
  const [path, headers] = place(token)
  const response = await fetch(gatehouse.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query: '{ me { id } }' }),
  })
  expect([401, 404]).toContain(response.status)
  expect(await response.text()).not.toContain(token)
  expect(gatehouse.logs.join('')).not.toContain(token)
})

test('D13 a token in the body is ignored', async () => {
  const response = await fetch(`${gatehouse.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ me { id } }', access_token: token, extensions: { authorization: token } }),
  })
  expect(response.status).toBe(401)
  expect(gatehouse.logs.join('')).not.toContain(token)
})
