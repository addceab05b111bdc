import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBrowser } from '../support/browser.ts'
import { LoginDocument } from '../support/documents.generated.ts'
import { rowCounts } from '../support/evidence.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { exchange, rawPost } from '../support/raw-http.ts'

type Headers = Record<string, string>

const listed = 'https://app.example.com'
const alsoListed = 'https://admin.example.com:8443'
const config = { publicUrl: 'https://id.example.com', allowedOrigins: [listed, alsoListed] }

/** Signing in from many places ends no session that another test uses. */
const sessionLimit = { mostSessions: 100, policy: 'EVICT_OLDEST' } as const

const foreign: Record<string, Headers> = {
  'another site': { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
  'another site, by an old browser': { origin: 'https://evil.example' },
  'a page without an origin of its own': { origin: 'null', 'sec-fetch-site': 'cross-site' },
  'a page without an origin, by an old browser': { origin: 'null' },
  'a page without an origin that is ours by its own word': { origin: 'null', 'sec-fetch-site': 'same-origin' },
  'a subdomain of ours': { origin: 'https://blog.id.example.com', 'sec-fetch-site': 'same-site' },
  'a subdomain of a listed one': { origin: 'https://x.app.example.com' },
  'a parent of a listed one': { origin: 'https://example.com' },
  'a listed one as a prefix': { origin: 'https://app.example.com.evil.example' },
  'a listed one as a suffix': { origin: 'https://evil-app.example.com' },
  'a listed one with another letter for its dot': { origin: 'https://appxexample.com' },
  'a listed one over plain HTTP': { origin: 'http://app.example.com' },
  'a listed one at another port': { origin: 'https://app.example.com:8443' },
  'one listed with a port, without it': { origin: 'https://admin.example.com' },
  'a listed one in capitals': { origin: 'https://APP.example.com' },
  'a listed one with a dot behind': { origin: 'https://app.example.com.' },
  'a listed one with a slash behind': { origin: 'https://app.example.com/' },
  'a listed one before an @': { origin: 'https://app.example.com@evil.example' },
  'a listed one behind an @': { origin: 'https://evil.example@app.example.com' },
  'two origins in one header': { origin: 'https://app.example.com https://evil.example' },
  'two origins with a comma': { origin: 'https://app.example.com, https://evil.example' },
  'two Origin headers, a listed one first': { origin: `${listed}\r\norigin: https://evil.example` },
  'two Origin headers, a listed one last': { origin: `https://evil.example\r\norigin: ${listed}` },
  'an empty origin': { origin: '' },
  'markup for an origin': { origin: 'https://<script>alert(1)</script>' },
  'bytes that are no text': { origin: 'https://\xff\xfe.example' },
  'a loopback name in another host': { origin: 'http://localhost.evil.example', host: 'localhost.evil.example' },
  'a rebound name': { origin: 'http://evil.example:4000', host: 'evil.example:4000' },
  'no origin, from another site': { 'sec-fetch-site': 'cross-site' },
  'no origin, from a subdomain': { 'sec-fetch-site': 'same-site' },
  'no origin, from a site of no known kind': { 'sec-fetch-site': 'other' },
  'no origin, and two claims': { 'sec-fetch-site': 'same-origin\r\nsec-fetch-site: cross-site' },
}

const own: Record<string, Headers> = {
  'a program': {},
  'a program that names itself as fetch does': { 'sec-fetch-mode': 'cors' },
  'a page at PUBLIC_URL': { origin: config.publicUrl, 'sec-fetch-site': 'same-site' },
  'a page of a listed origin': { origin: listed, 'sec-fetch-site': 'cross-site' },
  'a page of a listed origin, by an old browser': { origin: alsoListed },
  'a page of the server itself, by whatever name': { origin: 'https://internal', 'sec-fetch-site': 'same-origin' },
  'a page of the server itself, without its origin': { 'sec-fetch-site': 'same-origin' },
  'a person': { 'sec-fetch-site': 'none' },
}

describe.each([{ isProduction: false }, { isProduction: true }])('production: $isProduction', ({ isProduction }) => {
  let gatehouse: Gatehouse
  let user: TestUser
  let callers: Record<string, Headers>

  beforeAll(async () => {
    gatehouse = await startGatehouse({ config: { ...config, isProduction, sessionLimit } })
    user = await gatehouse.createUser()
    const browser = openBrowser(gatehouse.url)
    const { email, password } = user
    await browser.ask(LoginDocument, { input: { email, password, transport: 'COOKIE' } })
    callers = {
      nobody: {},
      'a Bearer token': { authorization: `Bearer ${(await gatehouse.signedInAs(user)).token}` },
      'a cookie': { cookie: [...browser.jar].map((pair) => pair.join('=')).join() },
    }
  })
  afterAll(() => gatehouse.close())

  const login = () =>
    `mutation { login(input: { email: "${user.email}", password: "${user.password}", transport: COOKIE }) { __typename } }`

  /** Past fetch, which corrects headers. */
  const send = async (request: string) => {
    const [head = '', body = ''] = (await exchange(gatehouse.url, request)).split('\r\n\r\n')
    return { status: Number(head.split(' ')[1]), head: `${head}\r\n`.toLowerCase(), body }
  }
  const post = (query: string, headers: Headers) => send(rawPost(JSON.stringify({ query }), headers))
  const preflight = ({ host = 'localhost', ...headers }: Headers) =>
    send(
      [
        'OPTIONS /graphql HTTP/1.1',
        ...Object.entries({ host, connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}`),
        '\r\n',
      ].join('\r\n'),
    )
  const wanting = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }

  test.each(Object.entries(foreign))(
    'F1, F2, D1: from %s nothing is executed, and no answer may be read',
    async (_name, headers) => {
      const before = await rowCounts(gatehouse.sql)
      for (const caller of Object.values(callers)) {
        for (const query of ['{ __typename }', '{ me { id } }', 'mutation { logout { id } }', login()]) {
          const { status, head, body } = await post(query, { ...caller, ...headers })
          expect([status, JSON.parse(body)]).toEqual([
            403,
            { errors: [{ message: expect.stringContaining('ALLOWED_ORIGINS'), extensions: { code: 'FORBIDDEN' } }] },
          ])
          expect(body).not.toMatch(/<script|\xff/)
          expect(head).not.toMatch(/access-control-|set-cookie/)
          expect(head).toMatch(/x-request-id: .*content-type: application\/json/s)
        }
      }
      const { status, head } = await preflight({ ...headers, ...wanting })
      expect(status).toBe(403)
      expect(head).not.toContain('access-control-')
      expect(await rowCounts(gatehouse.sql)).toBe(before)
    },
  )

  test.each(Object.entries(own))('%s may call', async (_name, headers) => {
    for (const [who, caller] of Object.entries(callers)) {
      const { status, head, body } = await post('{ me { email } }', { ...caller, ...headers })
      expect([who, status, body.includes(user.email)]).toEqual([who, who === 'nobody' ? 401 : 200, who !== 'nobody'])
      const isListed = [config.publicUrl, listed, alsoListed].includes(headers.origin ?? '')
      const granted = [...head.matchAll(/access-control-[^\r]*/g)].map(([line]) => line).sort()
      expect(granted).toEqual(
        isListed
          ? [
              'access-control-allow-credentials: true',
              `access-control-allow-origin: ${headers.origin}`,
              'access-control-expose-headers: retry-after, x-request-id',
            ]
          : [],
      )
      expect(head.includes('vary: origin\r')).toBe('origin' in headers)
    }
    expect((await post(login(), headers)).body).toBe('{"data":{"login":{"__typename":"SignedIn"}}}\n')
  })

  test('F2: a listed origin gets leave to send JSON, for ten minutes, and for nothing else', async () => {
    const { status, head } = await preflight({ origin: listed, ...wanting })
    expect(status).toBe(204)
    expect([...head.matchAll(/(?:access-control|vary)[^\r]*/g)].map(([line]) => line).sort()).toEqual([
      'access-control-allow-credentials: true',
      'access-control-allow-headers: content-type, authorization, apollo-require-preflight',
      'access-control-allow-methods: post',
      `access-control-allow-origin: ${listed}`,
      'access-control-expose-headers: retry-after, x-request-id',
      'access-control-max-age: 600',
      'vary: origin',
    ])
    for (const method of ['PUT', 'GET', 'post', '']) {
      const refused = await preflight({ origin: listed, ...wanting, 'access-control-request-method': method })
      expect([refused.status, refused.head.includes('access-control-allow-methods')]).toEqual([404, false])
    }
    expect((await preflight({ 'access-control-request-method': 'POST' })).status).toBe(404)
    for (const path of ['/healthz', '/readyz', '/nowhere', '/outbox.json']) {
      const { headers } = await fetch(gatehouse.url + path, { headers: { origin: listed } })
      expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
    }
  })

  test('F2: a listed origin may read refusals too', async () => {
    for (const [body, headers] of [
      ['{', {}],
      ['x'.repeat(100_001), {}],
      ['{}', { 'content-type': 'text/plain' }],
      ['{"query":"{"}', {}],
    ] as const) {
      const { status, head } = await send(rawPost(body, { origin: listed, ...headers }))
      expect(status).toBeGreaterThanOrEqual(400)
      expect(head).toContain(`access-control-allow-origin: ${listed}\r`)
    }
  })

  test(`a page of this server on a loopback name ${isProduction ? 'needs the word of its browser' : 'may call'}`, async () => {
    for (const host of ['localhost:4123', '127.0.0.1:4123', '[::1]:4123']) {
      const { status } = await post('{ __typename }', { host, origin: `http://${host}` })
      expect(status).toBe(isProduction ? 403 : 200)
      for (const origin of ['http://localhost:9999', `https://${host}`]) {
        expect((await post('{ __typename }', { host, origin })).status).toBe(403)
      }
    }
  })

  test('a refused origin is told to the operator, once a second at most, and nothing else of the request is', async () => {
    await eventually(async () => {
      gatehouse.logs.splice(0)
      await post(login(), { origin: 'https://forgotten.example.com', ...callers['a cookie'] })
      return gatehouse.logs.some((line) => line.includes('https://forgotten.example.com'))
    })
    const start = performance.now()
    await Promise.all(Array.from({ length: 50 }, () => post(login(), { origin: 'https://evil.example' })))
    const [warning, ...others] = gatehouse.logs.filter((line) => line.includes('"level":40'))
    expect(warning).toMatch(/"origin":"https:\/\/forgotten\.example\.com","requestId":"/)
    expect(others.length).toBeLessThanOrEqual(Math.ceil((performance.now() - start) / 1000))
    expect(gatehouse.logs.join()).not.toMatch(new RegExp(`gts_|${user.password}`))
  })
})
