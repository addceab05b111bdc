import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../support/client.ts'
import {
  ConfirmEmailDocument,
  LoginDocument,
  RegisterDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import { confirmationTokenTo, eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { historyOf } from '../support/history.ts'
import { atOnce } from '../support/race.ts'
import { loginChallenge } from '../support/second-factor.ts'
import { totpCode, wrongTotpCode } from '../support/totp.ts'

const chromeOnMac =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'
const firefoxOnWindows = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0'
const subject = 'A sign-in from a new device'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse({ config: { trustedProxies: ['127.0.0.1'] } })
})
afterAll(() => gatehouse.close())

const from = (userAgent: string, address = '203.0.113.7'): Client =>
  gatehouse.anonymous.with({ 'user-agent': userAgent, 'x-forwarded-for': address })

const signIn = async (client: Client, { email, password }: TestUser): Promise<void> => {
  const { login } = await client.ask(LoginDocument, { input: { email, password } })
  expect(login.__typename).toBe('SignedIn')
}

const newDevicesOf = async (user: { id: string }) =>
  (await historyOf(gatehouse, user)).filter(({ type }) => type === 'NEW_DEVICE')

const mailsTo = async ({ email }: { email: string }) =>
  (await gatehouse.mailTo(email)).filter((mail) => mail.subject === subject)

/** The notices to a user, once one is there. */
const noticeTo = (user: TestUser) =>
  eventually(async () => {
    const mails = await mailsTo(user)
    return mails.length > 0 && mails
  })

/** Mail leaves in turn: when the notice to somebody else is there, every one before it is too. */
const expectNotices = async (user: TestUser, count: number): Promise<void> => {
  expect(await newDevicesOf(user)).toHaveLength(count)
  const other = await gatehouse.createUser()
  await signIn(from(chromeOnMac), other)
  await signIn(from(firefoxOnWindows), other)
  await noticeTo(other)
  expect(await mailsTo(user)).toHaveLength(count)
}

test('H9: the first sign-in ever is no news', async () => {
  const user = await gatehouse.createUser()
  await signIn(from(chromeOnMac), user)
  await signIn(from(chromeOnMac), user)
  await expectNotices(user, 0)
})

test('H9: another kind of device makes one event and one mail, and the same again none', async () => {
  const user = await gatehouse.createUser()
  await signIn(from(chromeOnMac), user)
  await signIn(from(firefoxOnWindows, '198.51.100.9'), user)
  const [event] = await newDevicesOf(user)
  expect(event).toMatchObject({
    outcome: 'SUCCESS',
    ipAddress: '198.51.100.9',
    details: { device: 'Firefox on Windows' },
    device: { label: 'Firefox on Windows' },
    user: { id: user.id },
  })
  expect(event?.sessionId).toBeTruthy()
  const [mail] = await noticeTo(user)
  expect(mail).toMatchObject({ to: user.email, subject })
  expect(mail?.text).toContain('Firefox on Windows')
  expect(mail?.text).toContain('198.51.100.9')
  expect(mail?.text).not.toContain('http')

  await signIn(from(firefoxOnWindows, '198.51.100.9'), user)
  await signIn(from(chromeOnMac), user)
  await signIn(from(firefoxOnWindows.replaceAll('127.0', '128.0'), '198.51.100.9'), user)
  await expectNotices(user, 1)

  await signIn(from('curl/8.1', '198.51.100.9'), user)
  await expectNotices(user, 2)
})

test('H9: another network with a known kind of device is no news', async () => {
  const user = await gatehouse.createUser()
  for (const address of ['203.0.113.7', '198.51.100.9', '2001:db8::1', '2001:db8:0:1::1']) {
    await signIn(from(chromeOnMac, address), user)
  }
  await expectNotices(user, 0)
})

test('H9: a new kind of device is told of once, however many sign-ins come from it at once', async () => {
  const user = await gatehouse.createUser()
  await signIn(from(chromeOnMac), user)
  await atOnce(5, [from(firefoxOnWindows)], (client) => signIn(client, user))
  await expectNotices(user, 1)
})

test('H9: a new kind of device is told of once, from however many networks it comes at once', async () => {
  const user = await gatehouse.createUser()
  await signIn(from(chromeOnMac), user)
  const networks = ['198.51.100.1', '198.51.100.2', '198.51.100.3']
  let arriving: Promise<unknown> = Promise.resolve()
  await gatehouse.sql.begin(async (held) => {
    await held`SELECT 1 FROM users WHERE id = ${user.id} FOR UPDATE`
    arriving = Promise.all(networks.map((address) => signIn(from(firefoxOnWindows, address), user)))
    await eventually(async () => {
      const waiting = await gatehouse.sql`
        SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
      return waiting.length === networks.length
    })
  })
  await arriving
  await expectNotices(user, 1)
})

test('H9: a sign-in that fails or waits for its factor is no sign-in; the factor makes it one', async () => {
  const user = await gatehouse.createUser()
  await signIn(from(chromeOnMac), user)
  const seed = await gatehouse.giveTotp(user)
  const stranger = from(firefoxOnWindows)
  const wrong = { email: user.email, password: 'not the passphrase' }
  await stranger.refused(LoginDocument, { input: wrong })
  const challengeId = await loginChallenge(stranger, user)
  const code = wrongTotpCode(seed, gatehouse.now())
  await stranger.refused(VerifyMfaDocument, { input: { challengeId, code } })
  await expectNotices(user, 0)

  await stranger.ask(VerifyMfaDocument, { input: { challengeId, code: totpCode(seed, gatehouse.now()) } })
  await expectNotices(user, 1)
})

test('H9: the sign-in of a confirmed registration is the first, and the login from elsewhere the second', async () => {
  const email = `new-${crypto.randomUUID()}@example.com`
  const password = 'a perfectly fine passphrase'
  const client = from(chromeOnMac)
  await client.ask(RegisterDocument, { input: { email, password } })
  const token = await confirmationTokenTo(gatehouse, email)
  const { confirmEmail } = await client.ask(ConfirmEmailDocument, { input: { token } })
  if (confirmEmail.__typename !== 'SignedIn') throw new Error('Nobody was signed in')
  const user = { ...confirmEmail.user, password } as unknown as TestUser
  await expectNotices(user, 0)
  await signIn(client, user)
  await expectNotices(user, 0)
  await signIn(from(firefoxOnWindows), user)
  await expectNotices(user, 1)
})
