import { drizzle } from 'drizzle-orm/postgres-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createMessageStore } from '../../src/messaging/message-store.ts'
import {
  EnrolMfaDocument,
  ListSessionsDocument,
  LoginDocument,
  RegisterDocument,
  SecurityEventsDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, testPassword } from '../support/gatehouse.ts'
import { exchange, rawPost } from '../support/raw-http.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const markup = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`
/** What would break out of a line, a terminal or the direction of reading. */
const controls = {
  CRLF: 'Ada\r\nBcc: everyone@example.com',
  'an ANSI sequence': 'Ada\u001b[2J\u001b[31m',
  'a C1 control': 'Ada\u009b2J',
  'a bidi override': 'Ada\u202egnp.exe',
  'a bidi isolate': 'Ada\u2066x',
  'a line separator': 'Ada\u2028Bcc: x',
  'a paragraph separator': 'Ada\u2029Bcc: x',
}

describe('G8 a display name and a label', () => {
  test.each(Object.entries(controls))('G8 with %s are refused, and say where', async (_name, text) => {
    const registration = { email: 'ada@example.com', password: testPassword, displayName: text }
    const register = await gatehouse.anonymous.refused(RegisterDocument, { input: registration })
    expect(register.extensions).toEqual({
      code: 'BAD_USER_INPUT',
      fields: [{ path: 'input.displayName', message: expect.any(String) }],
    })
    const client = await gatehouse.signedInAs(await gatehouse.createUser())
    const enrol = await client.refused(EnrolMfaDocument, { input: { method: 'TOTP', label: text } })
    expect(enrol.extensions.fields).toEqual([{ path: 'input.label', message: expect.any(String) }])
  })

  test('G8 with markup are kept as they are, as JSON, in a type that no browser renders', async () => {
    const client = await gatehouse.signedInAs(await gatehouse.createUser())
    const { headers, data } = await client.send(EnrolMfaDocument, { input: { method: 'TOTP', label: markup } })
    expect(data?.enrolMfa.factor.label).toBe(markup)
    expect(headers.get('content-type')).toMatch(/^application\/(graphql-response\+)?json/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })
})

describe('G8 a User-Agent', () => {
  const seenBy = async (userAgent: string) => {
    const { email, password } = await gatehouse.createUser()
    const { login } = await gatehouse.anonymous
      .with({ 'user-agent': userAgent })
      .ask(LoginDocument, { input: { email, password } })
    if (login.__typename !== 'SignedIn') throw new Error('No session')
    const client = gatehouse.clientWith(login.sessionToken ?? null)
    const { listSessions } = await client.ask(ListSessionsDocument, {})
    const { securityEvents } = await client.ask(SecurityEventsDocument, { first: 1 })
    return { device: listSessions[0]?.device, eventLabel: securityEvents.edges[0]?.node.device?.label }
  }

  test.each([
    markup,
    '<b>evil</b>/1.0 x',
    '<img src=x onerror=alert(1)>/2 (x)',
    `Mozilla/5.0 (${markup}) Chrome/120.0 ${markup}`,
    `Opera/9.80 (${markup}; U) Version/12`,
    'Your account is locked, call +1 555 0100/1.0 x',
    `${'x'.repeat(390)}/1 y`,
    'a soft\u00adhyphen/1.0 x',
  ])('G8 %j is kept as sent, and named in words of ours', async (userAgent) => {
    const { device, eventLabel } = await seenBy(userAgent)
    expect(device?.userAgent).toBe(userAgent)
    for (const shown of [device?.label, device?.browser ?? '', device?.operatingSystem ?? '', eventLabel])
      expect(shown).toMatch(/^[\w .()-]{0,40}$/)
  })

  test('G8 beyond 400 characters is cut, and what is no ASCII does not harm a line of the log', async () => {
    const bytes = Buffer.from(`evil\u202e\u2028 ${'x'.repeat(600)}`).toString('latin1')
    const query = `mutation { login(input: { email: "x@example.com", password: "x" }) { __typename } }`
    const request = rawPost(JSON.stringify({ query }), { 'user-agent': bytes })
    expect(await exchange(gatehouse.url, Buffer.from(request, 'latin1'))).toMatch(/^HTTP\/1.1 200 /)
    const [row] = await gatehouse.sql`SELECT user_agent FROM security_event_personal_data WHERE user_agent LIKE 'evil%'`
    expect(row?.user_agent).toBe(bytes.slice(0, 400))
    for (const line of gatehouse.logs.join('').trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow()
  })
})

describe('G8 the outbox page', () => {
  test('G8 encodes the address, the subject and the text of a message', async () => {
    const to = `a&b'c-${crypto.randomUUID()}@example.com`
    const message = { to, subject: markup, text: `${markup}\n</pre>` }
    await createMessageStore(drizzle(gatehouse.sql), gatehouse.keys).enqueue(message, gatehouse.now())
    await eventually(async () => (await gatehouse.mailTo(to)).length > 0)
    const page = await (await fetch(`${gatehouse.url}/outbox?to=${encodeURIComponent(to)}`)).text()
    expect(page).toContain('&lt;script&gt;')
    expect(page).toContain(to.replace('&', '&amp;').replace("'", '&#39;'))
    expect(page).not.toMatch(/<script|<img|<\/pre>\s*<\/pre>/)
    expect(page.match(/<\/pre>/g)).toHaveLength(1)
  })

  test('G8 does not repeat what is asked of it', async () => {
    const page = await (await fetch(`${gatehouse.url}/outbox?to=${encodeURIComponent(markup)}`)).text()
    expect(page).not.toMatch(/script>alert|<img/)
  })
})
