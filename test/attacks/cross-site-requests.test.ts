import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rowCounts } from '../support/evidence.ts'
import { type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'

const json = 'application/json'

describe.each([{ isProduction: false }, { isProduction: true }])('production: $isProduction', ({ isProduction }) => {
  let gatehouse: Gatehouse
  let user: TestUser
  let mutation: string

  beforeAll(async () => {
    gatehouse = await startGatehouse({ config: { isProduction } })
    user = await gatehouse.createUser()
    mutation = `mutation { login(input: { email: "${user.email}", password: "${user.password}" }) { __typename } }`
  })
  afterAll(() => gatehouse.close())

  const form = (type: string) => ({
    method: 'POST',
    headers: { 'content-type': type, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
  })

  /** What a page of another site can make a browser send without asking the server first. */
  const requests: Record<string, (body: string, query: string) => [string, RequestInit]> = {
    'GET with the query in the URL': (_body, query) => [`?query=${query}`, { headers: { accept: json } }],
    'GET that claims to be JSON': (_body, query) => [`?query=${query}`, { headers: { 'content-type': json } }],
    'GET as a browser navigates': (_body, query) => [`?query=${query}`, { headers: { accept: 'text/html' } }],
    HEAD: (_body, query) => [`?query=${query}`, { method: 'HEAD' }],
    PUT: (body) => ['', { method: 'PUT', headers: { 'content-type': json }, body }],
    PATCH: (body) => ['', { method: 'PATCH', headers: { 'content-type': json }, body }],
    'POST without a content type': (body) => ['', { method: 'POST', body: Buffer.from(body) }],
    'POST of text/plain': (body) => ['', { ...form('text/plain'), body }],
    'POST of text/plain that ends in application/json': (body) => [
      '',
      { ...form('text/plain; application/json'), body },
    ],
    'POST of a form': (_body, query) => ['', { ...form('application/x-www-form-urlencoded'), body: `query=${query}` }],
    'POST of a multipart form': (body) => [
      '',
      {
        ...form('multipart/form-data; boundary=x'),
        body: `--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${body}\r\n--x--\r\n`,
      },
    ],
    'POST of nothing with the query in the URL': (_body, query) => [`?query=${query}`, { method: 'POST' }],
    'POST of an empty object with the query in the URL': (_body, query) => [
      `?query=${query}`,
      { method: 'POST', headers: { 'content-type': json }, body: '{}' },
    ],
  }

  test.each(Object.entries(requests))('F1 %s executes nothing', async (_name, make) => {
    const before = await rowCounts(gatehouse.sql)
    for (const query of [mutation, '{ __typename }']) {
      const [search, init] = make(JSON.stringify({ query }), encodeURIComponent(query))
      const response = await fetch(`${gatehouse.url}/graphql${search}`, init)
      const text = await response.text()
      expect(response.status).toBeLessThan(500)
      expect(text).not.toContain('"data"')
      if (!response.headers.get('content-type')?.includes('text/html')) expect(response.ok).toBe(false)
    }
    expect(await rowCounts(gatehouse.sql)).toBe(before)
  })

  test('F1 another site is not allowed to send JSON: its preflight gets no permission', async () => {
    const response = await fetch(`${gatehouse.url}/graphql`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://evil.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    })
    const granted = [...response.headers.keys()].filter((name) => name.startsWith('access-control-'))
    expect(granted).toEqual([])
  })
})
