import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { exchange, rawPost } from '../support/raw-http.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse({ config: { isProduction: true } })
})
afterAll(async () => {
  expect((await fetch(`${gatehouse.url}/healthz`)).status).toBe(200)
  await gatehouse.close()
})

const operation = JSON.stringify({ query: '{ __typename }' })
const nested = (depth: number, open: string, close: string) => `${open.repeat(depth)}1${close.repeat(depth)}`
const withVariable = (value: string) =>
  `{"query":"mutation ($token: String!) { confirmEmail(input: { token: $token }) { __typename } }","variables":{"token":${value}}}`

const bodies: Record<string, [body: string, headers?: Record<string, string>]> = {
  '1 MB': [JSON.stringify({ query: '{ __typename }', variables: { x: 'x'.repeat(1_000_000) } })],
  'lists 40,000 deep': [withVariable(nested(40_000, '[', ']'))],
  'lists 5,000 deep': [withVariable(nested(5_000, '[', ']'))],
  'objects 10,000 deep': [withVariable(nested(10_000, '{"a":', '}'))],
  'lists 40,000 deep in extensions': [`{"query":"{ __typename }","extensions":${nested(40_000, '[', ']')}}`],
  'JSON that is cut off': [operation.slice(0, -3)],
  'JSON with a secret in the wrong place': ['{"password": hunter2-canary}'],
  'no JSON object': ['null'],
  'a number for the query': ['{"query": 1}'],
  'a list for the variables': ['{"query":"{ __typename }","variables":[1]}'],
  'a prototype': ['{"query":"{ __typename }","variables":{"__proto__":{"admin":true}}}'],
  'a subscription, of which there is none here': ['{"query":"subscription { x }"}'],
  'an operation that is not in the document': ['{"query":"query A { __typename }","operationName":"B"}'],
  nothing: [''],
  'bytes that claim to be compressed': [operation, { 'content-encoding': 'gzip' }],
  'UTF-32': [operation, { 'content-type': 'application/json; charset=utf-32' }],
  'UTF-7': [operation, { 'content-type': 'application/json; charset=utf-7' }],
  'a header of 64 kB': [operation, { 'x-padding': 'x'.repeat(64_000) }],
  'a Content-Length that is too short': [operation, { 'content-length': '5' }],
  'a negative Content-Length': [operation, { 'content-length': '-1' }],
  'a Content-Length and chunks at once': [`0\r\n\r\n${operation}`, { 'transfer-encoding': 'chunked' }],
}

describe('F7 a body that can not be read is refused with 4xx, at once', () => {
  test.each(Object.entries(bodies))('F7 %s', async (_name, [body, headers]) => {
    const start = performance.now()
    const answer = await exchange(gatehouse.url, rawPost(body, headers))
    expect(performance.now() - start).toBeLessThan(3_000)
    expect(answer).toMatch(/^HTTP\/1.1 4\d\d /)
    expect(answer).not.toMatch(/"data":\{|hunter2-canary|call stack|node_modules/)
  })

  test('F7 a gzip bomb is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000, 'x'))
    const response = await fetch(`${gatehouse.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: bomb,
    })
    expect([400, 415]).toContain(response.status)
  })

  test('F7 a body shorter than its Content-Length is waited for no longer than 10 s, nor are trickled headers', async () => {
    const start = performance.now()
    const slow = await Promise.all([
      exchange(gatehouse.url, rawPost(operation, { 'content-length': '5000' })),
      exchange(gatehouse.url, 'POST /graphql HTTP/1.1\r\nhost: localhost\r\nx-slow: '),
    ])
    for (const answer of slow) expect(answer).toMatch(/^(HTTP\/1.1 4\d\d |$)/)
    expect(performance.now() - start).toBeLessThan(13_000)
  })
})
