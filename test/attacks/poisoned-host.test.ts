import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, type Gatehouse, startGatehouse, testPassword } from '../support/gatehouse.ts'
import { exchange, rawPost } from '../support/raw-http.ts'

const publicUrl = 'https://id.example.com/auth'

describe.each([{ trustedProxies: [] }, { trustedProxies: ['127.0.0.1'] }])(
  'proxies: $trustedProxies',
  ({ trustedProxies }) => {
    let gatehouse: Gatehouse
    beforeAll(async () => {
      gatehouse = await startGatehouse({ config: { publicUrl, trustedProxies } })
    })
    afterAll(() => gatehouse.close())

    const evil = 'evil.example'

    /** What makes the server mail a link, and the page that it leads to. */
    const mailing = {
      register: async () => {
        const email = `${crypto.randomUUID()}@example.com`
        return { email, call: `register(input: { email: "${email}", password: "${testPassword}" }) { email }` }
      },
      requestPasswordReset: async () => {
        const { email } = await gatehouse.createUser()
        return { email, call: `requestPasswordReset(email: "${email}") { email }` }
      },
    }
    const pages = { register: 'confirm-email', requestPasswordReset: 'reset-password' }

    const cases: [string, Record<string, string>][] = [
      ['a Host', { host: evil }],
      ['an X-Forwarded-Host', { 'x-forwarded-host': evil, 'x-forwarded-proto': 'http', 'x-forwarded-port': '1' }],
      ['a Forwarded', { forwarded: `host=${evil};proto=http` }],
      ['a Referer', { referer: `https://${evil}/` }],
      ['an Origin and a Referer', { origin: `https://${evil}`, referer: `https://${evil}/` }],
      ['an X-Original-URL', { 'x-original-url': `https://${evil}/`, 'x-host': evil, 'x-original-host': evil }],
      ['two Hosts', { host: `localhost\r\nhost: ${evil}` }],
      ['an absolute request target', { host: evil, target: `http://${evil}/graphql` }],
    ]
    const operations = ['register', 'requestPasswordReset'] as const
    const matrix = operations.flatMap((operation) => cases.map(([name, headers]) => ({ operation, name, headers })))
    test.each(matrix)(
      'E6 with $name of an attacker the link that $operation mails leads to PUBLIC_URL alone',
      async ({ operation, headers: { target, ...headers } }) => {
        const { email, call } = await mailing[operation]()
        const request = rawPost(JSON.stringify({ query: `mutation { ${call} }` }), headers)
        const answer = await exchange(gatehouse.url, target ? request.replace('/graphql', target) : request)
        if (/^HTTP\/1.1 40[03] /.test(answer)) return // refusing such a request is as good
        const mail = await eventually(async () => (await gatehouse.mailTo(email))[0])
        const links = mail.text.match(/\bhttps?:\S+/g) ?? []
        expect(links.map((link) => link.replace(/[\w-]{43}$/, '…'))).toEqual([
          `${publicUrl}/${pages[operation]}#token=…`,
        ])
        expect(JSON.stringify(mail)).not.toContain(evil)
      },
    )
  },
)
