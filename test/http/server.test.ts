import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'

describe.each([{ isProduction: false }, { isProduction: true }])('production: $isProduction', ({ isProduction }) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ config: { isProduction } })
  })
  afterAll(() => gatehouse.close())

  const request = async (path: string, init?: RequestInit) => {
    const response = await fetch(gatehouse.url + path, init)
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
  const jsonPost = (body: string, headers: Record<string, string> = {}) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })

  test.each<[string, number[], string, RequestInit | undefined, string]>([
    ['an unknown path', [404], '/nowhere', undefined, 'NOT_FOUND'],
    ['a directory of version control', [404], '/.git/config', undefined, 'NOT_FOUND'],
    ['GraphiQL', [404], '/graphiql', undefined, 'NOT_FOUND'],
    ['GET of /graphql', [404, 405], '/graphql?query={__typename}', { headers: { accept: 'application/json' } }, ''],
    ['PUT of /graphql', [404, 405], '/graphql', { method: 'PUT', body: '{}' }, ''],
    ['DELETE of /graphql', [404, 405], '/graphql', { method: 'DELETE' }, ''],
    ['a body of 100,001 bytes', [413], '/graphql', jsonPost('x'.repeat(100_001)), 'BAD_USER_INPUT'],
    ['a body of another type', [415], '/graphql', { method: 'POST', body: 'x' }, 'BAD_USER_INPUT'],
    ['a body that is no JSON', [400], '/graphql', jsonPost('{'), 'BAD_USER_INPUT'],
    ['a path that can not be decoded', [400, 404], '/%c0%af', undefined, ''],
  ])('%s is refused in the shape of a GraphQL error', async (_what, statuses, path, init, code) => {
    const { status, headers, text } = await request(path, init)
    expect(statuses).toContain(status)
    expect(headers.get('content-type')).toMatch(/^application\/json/)
    const { errors } = JSON.parse(text)
    expect(errors).toEqual([
      { message: expect.any(String), extensions: expect.objectContaining({ code: code || expect.any(String) }) },
    ])
    if (status === 405) expect(headers.get('allow')).toBe('POST')
  })

  test('every answer has an id of its own, is not to be kept, and does not say what made it', async () => {
    const answers = await Promise.all([
      request('/healthz'),
      request('/nowhere'),
      request('/graphql', jsonPost('{"query":"{ __typename }"}', { 'x-request-id': 'mine' })),
      request('/graphql', jsonPost('{"query":"{ me { id } }"}')),
    ])
    const ids = answers.map(({ headers }) => headers.get('x-request-id'))
    expect(new Set(ids).size).toBe(4)
    for (const id of ids) expect(id).toMatch(/^[\da-f-]{36}$/)
    for (const { headers } of answers) {
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('x-frame-options')).toBe('SAMEORIGIN')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect([headers.get('server'), headers.get('x-powered-by')]).toEqual([null, null])
      expect(headers.has('strict-transport-security')).toBe(isProduction)
      expect(headers.has('content-security-policy')).toBe(isProduction)
    }
  })

  test(`the Sandbox page is ${isProduction ? 'not ' : ''}there`, async () => {
    const { status, headers, text } = await request('/graphql', { headers: { accept: 'text/html' } })
    expect(status === 200 && headers.get('content-type')?.includes('text/html') === true).toBe(!isProduction)
    expect(/sandbox/i.test(text)).toBe(!isProduction)
  })

  test(`the outbox is ${isProduction ? 'not ' : ''}there`, async () => {
    expect((await request('/outbox')).status).toBe(isProduction ? 404 : 200)
    expect((await request('/outbox.json')).status).toBe(isProduction ? 404 : 200)
  })

  test('/healthz says that the process is alive', async () => {
    const { status, text } = await request('/healthz')
    expect([status, JSON.parse(text)]).toEqual([200, { status: 'ok' }])
  })

  test('/readyz names each component', async () => {
    const { status, text } = await request('/readyz')
    expect([status, JSON.parse(text)]).toEqual([
      200,
      { status: 'ready', components: { postgresql: 'up', redis: 'up' } },
    ])
  })
})

test('where mail really goes out there is no outbox, in development neither', async () => {
  const gatehouse = await startGatehouse({ config: { smtpUrl: 'smtp://127.0.0.1:1', mailFrom: 'a@example.com' } })
  expect((await fetch(`${gatehouse.url}/outbox.json`)).status).toBe(404)
  await gatehouse.close()
})

test('/readyz without Redis is degraded, and still 200', async () => {
  const gatehouse = await startGatehouse({ redisUrl: null })
  const response = await fetch(`${gatehouse.url}/readyz`)
  expect([response.status, await response.json()]).toEqual([
    200,
    { status: 'degraded', components: { postgresql: 'up', redis: 'down' } },
  ])
  await gatehouse.close()
})
