import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { metricsText } from '../support/metrics.ts'
import { exchange } from '../support/raw-http.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse({ config: { isProduction: true, metrics: { host: '127.0.0.1', port: 0 } } })
})
afterAll(() => gatehouse.close())

const cookie = 'cookie: __Host-gatehouse=canary-of-a-cookie'

/** The status and body of an answer to any request line; 0 where the connection was closed without one. */
const ask = async (method: string, path: string, url = gatehouse.url, headers: readonly string[] = []) => {
  const lines = [`${method} ${path} HTTP/1.1`, 'host: id.example.com', 'connection: close', 'content-length: 0', cookie]
  const text = await exchange(url, [...lines, ...headers, '', ''].join('\r\n'))
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text }
}

const ownPages = [
  '/',
  '/graphiql',
  '/sandbox',
  '/playground',
  '/voyager',
  '/outbox',
  '/outbox.json',
  '/metrics',
  '/metrics/',
]
const files = ['/.git', '/.git/HEAD', '/.git/config', '/.env', '/package.json', '/dist/main.js', '/../package.json']
const others = [
  '/server-status',
  '/debug',
  '/debug/pprof',
  '/.well-known/',
  '/graphql/',
  '/Metrics',
  '//metrics',
  '/%6detrics',
]

test.each([...ownPages, ...files, ...others])('F17 GET %s is not there in production', async (path) => {
  for (const method of ['GET', 'HEAD', 'POST']) {
    const { status, text } = await ask(method, path)
    expect([400, 404, 415], method).toContain(status)
    expect(text).not.toMatch(/gatehouse_|process_|sandbox|graphiql|canary/i)
  }
})

test('F17 neither a page nor another spelling of the address brings up Sandbox or metrics', async () => {
  const html = ['accept: text/html']
  for (const path of ['/graphql', '/graphql?query={__typename}', '/metrics'])
    expect((await ask('GET', path, gatehouse.url, html)).status).toBe(404)
  expect((await ask('GET', 'http://localhost/metrics')).status).toBe(404)
  for (const header of ['x-original-url: /metrics', 'x-rewrite-url: /metrics', 'x-forwarded-for: 127.0.0.1'])
    expect((await ask('GET', '/metrics', gatehouse.url, [header])).status).toBe(404)
})

test.each(['TRACE', 'TRACK', 'CONNECT', 'OPTIONS', 'PROPFIND', 'PATCH', 'PUT', 'DELETE'])(
  'F17 %s is not answered with what was sent, or with what there is',
  async (method) => {
    for (const path of ['/', '/graphql', '/healthz', '*']) {
      const { status, text } = await ask(method, path)
      expect([0, 400, 404, 405, 415, 501], `${method} ${path}`).toContain(status)
      expect(text).not.toContain('canary')
      expect(text).not.toMatch(/^allow: (?!POST\r)/im)
    }
  },
)

test('F17 metrics have a port of their own, with nothing else on it', async () => {
  const { metricsUrl } = gatehouse
  if (!metricsUrl) throw new Error('There is none')
  expect(await metricsText(metricsUrl)).toContain('gatehouse_http_requests_total')
  for (const path of ['/', '/graphql', '/healthz', '/readyz', '/outbox', '/.well-known/jwks.json', '/.git/config'])
    expect((await ask('GET', path, metricsUrl)).status, path).toBe(404)
  for (const method of ['POST', 'TRACE', 'OPTIONS', 'DELETE']) {
    const { status, text } = await ask(method, '/metrics', metricsUrl)
    expect([0, 404, 405], method).toContain(status)
    expect(text).not.toContain('canary')
  }
})
