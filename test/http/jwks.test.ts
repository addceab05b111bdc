import { afterAll, beforeAll, expect, test } from 'vitest'
import { jwksUrl, rotate } from '../support/access-token.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

test('the public keys are there from the start, each with its use and nothing of its private half', async () => {
  const response = await fetch(jwksUrl(gatehouse))
  expect(response.status).toBe(200)
  const key = {
    kty: 'OKP',
    crv: 'Ed25519',
    x: expect.stringMatching(/^[\w-]{43}$/),
    kid: expect.stringMatching(/^[\da-f-]{36}$/),
    use: 'sig',
    alg: 'EdDSA',
  }
  expect(await response.json()).toEqual({ keys: [key] })
})

test('they are of their media type, and anyone may read them from anywhere and keep them for five minutes', async () => {
  const { headers } = await fetch(jwksUrl(gatehouse), { headers: { origin: 'https://elsewhere.example' } })
  expect(headers.get('content-type')).toMatch(/^application\/jwk-set\+json(;|$)/)
  expect(headers.get('cache-control')).toBe('public, max-age=300')
  expect(headers.get('access-control-allow-origin')).toBe('*')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('set-cookie')).toBeNull()
})

test('HEAD answers with the same headers and no body', async () => {
  const [get, head] = await Promise.all([fetch(jwksUrl(gatehouse)), fetch(jwksUrl(gatehouse), { method: 'HEAD' })])
  expect([head.status, await head.text()]).toEqual([200, ''])
  for (const name of ['content-type', 'cache-control', 'etag', 'content-length'])
    expect(head.headers.get(name)).toBe(get.headers.get(name))
})

test('a copy is confirmed by its ETag with 304, until a key is added', async () => {
  const etag = (await fetch(jwksUrl(gatehouse))).headers.get('etag') ?? ''
  const ask = () => fetch(jwksUrl(gatehouse), { headers: { 'if-none-match': etag } })
  const unchanged = await ask()
  expect([unchanged.status, await unchanged.text(), unchanged.headers.get('etag')]).toEqual([304, '', etag])
  expect(unchanged.headers.get('cache-control')).toBe('public, max-age=300')
  await rotate(gatehouse)
  await eventually(async () => (await ask()).status === 200)
})
