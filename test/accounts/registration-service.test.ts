import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ConfirmEmailDocument, LoginDocument, MeDocument, RegisterDocument } from '../support/documents.generated.ts'
import { confirmationTokenTo, eventually, type Gatehouse, startGatehouse, testPassword } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { roundsOf } from '../support/rounds.ts'

let gatehouse: Gatehouse
let other: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
  other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
})
afterAll(async () => {
  await other.close()
  await gatehouse.close()
})

const newAddress = () => `${randomUUID()}@example.com`

const register = (email: string, password = testPassword, displayName: string | null = null) =>
  gatehouse.anonymous.ask(RegisterDocument, { input: { email, password, displayName } })

const confirm = (server: Gatehouse, token: string) => server.anonymous.send(ConfirmEmailDocument, { input: { token } })

const logIn = (email: string, password: string) =>
  gatehouse.anonymous.send(LoginDocument, { input: { email, password } })

/** The tokens mailed to an address, newest first, once there are `count`. */
const tokensTo = (email: string, count: number): Promise<string[]> =>
  eventually(async () => {
    const texts = (await gatehouse.mailTo(email)).map(({ text }) => text)
    const tokens = texts.flatMap((text) => /#token=([\w-]+)/.exec(text)?.[1] ?? [])
    return tokens.length === count && tokens
  })

test('a registration opens nothing until its address is confirmed; then it signs in, once', async () => {
  const email = newAddress()
  await register(email, testPassword, ' Ada ')
  expect(tally([await logIn(email, testPassword)])).toEqual({ INVALID_CREDENTIALS: 1 })

  const token = await confirmationTokenTo(gatehouse, email)
  const { data } = await confirm(gatehouse, token)
  expect(data?.confirmEmail).toMatchObject({
    user: { email, displayName: 'Ada', role: 'USER', status: 'ACTIVE' },
    session: { assurance: 'AAL1', authenticationMethods: ['PASSWORD'], elevatedUntil: null },
  })
  expect(tally([await confirm(gatehouse, token)])).toEqual({ TOKEN_INVALID: 1 })
  expect(tally([await logIn(email.toUpperCase(), testPassword)])).toEqual({ OK: 1 })
  expect(countTypes(await historyOf(gatehouse, { id: data?.confirmEmail.user.id ?? '' }))).toEqual({
    ACCOUNT_REGISTERED: 1,
    LOGIN_FAILED: 1,
    EMAIL_CONFIRMED: 1,
    LOGIN_SUCCEEDED: 2,
    SESSION_CREATED: 2,
  })
})

test('of 50 confirmations with one token at once on two servers, one makes one session', async () => {
  for (let round = 0; round < roundsOf(3); round++) {
    const email = newAddress()
    await register(email)
    const token = await confirmationTokenTo(gatehouse, email)
    const answers = await atOnce(50, [gatehouse, other], (server) => confirm(server, token))
    expect(tally(answers)).toEqual({ OK: 1, TOKEN_INVALID: 49 })

    const won = answers.find(({ errors }) => !errors)?.data?.confirmEmail
    await other.clientWith(won?.sessionToken ?? '').ask(MeDocument, {})
    expect(countTypes(await historyOf(gatehouse, { id: won?.user.id ?? '' }))).toEqual({
      ACCOUNT_REGISTERED: 1,
      EMAIL_CONFIRMED: 1,
      LOGIN_SUCCEEDED: 1,
      SESSION_CREATED: 1,
    })
  }
})

test('of the tokens of several registrations of one address, confirmed at once, one opens the account', async () => {
  const email = newAddress()
  for (let turn = 0; turn < 3; turn++) await register(email)
  const tokens = await tokensTo(email, 3)
  const answers = await atOnce(18, [gatehouse, other], (server, turn) => confirm(server, tokens[turn % 3] ?? ''))
  expect(tally(answers)).toEqual({ OK: 1, TOKEN_INVALID: 17 })
})

test('E10: once the victim confirmed her own registration, those of others for her address are void', async () => {
  const email = newAddress()
  const hers = 'what only the victim knows'
  const his = 'what mallory chose for her'
  await register(email, his, 'Mallory')
  await register(email, hers, 'Victim')
  await register(email, his, 'Mallory')
  const [last = '', own = '', first = ''] = await tokensTo(email, 3)

  const { data } = await confirm(gatehouse, own)
  expect(data?.confirmEmail.user).toMatchObject({ displayName: 'Victim', status: 'ACTIVE', mfa: { enabled: false } })
  for (const token of [first, last]) expect(tally([await confirm(gatehouse, token)])).toEqual({ TOKEN_INVALID: 1 })
  expect(tally([await logIn(email, his)])).toEqual({ INVALID_CREDENTIALS: 1 })
  expect(tally([await logIn(email, hers)])).toEqual({ OK: 1 })
})

test('E10: the account bears the address as its owner wrote it, not as someone wrote it before', async () => {
  const email = newAddress()
  await register(email.toUpperCase(), 'what mallory chose for her')
  await confirmationTokenTo(gatehouse, email.toUpperCase())
  await register(email, 'what only the victim knows')
  const token = await eventually(async () => {
    const mails = [...(await gatehouse.mailTo(email)), ...(await gatehouse.mailTo(email.toUpperCase()))]
    const tokens = mails.flatMap(({ text }) => /#token=([\w-]+)/.exec(text)?.[1] ?? [])
    return tokens.length === 2 && tokens[0] // hers is the newer of two to one address, or the only one to hers
  })
  const { data } = await confirm(gatehouse, token)
  expect(data?.confirmEmail.user.email).toBe(email)
})

test('registering a taken address changes nothing, and its owner is told by mail', async () => {
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  await register(user.email, 'what mallory would like it to be', 'Mallory')
  const mails = await eventually(async () => {
    const sent = await gatehouse.mailTo(user.email)
    return sent.length > 0 && sent
  })
  expect(mails.map(({ subject }) => subject)).toEqual(['You already have an account'])
  expect(mails[0]?.text).not.toMatch(/token/)

  expect(tally([await logIn(user.email, 'what mallory would like it to be')])).toEqual({ INVALID_CREDENTIALS: 1 })
  expect(tally([await logIn(user.email, user.password)])).toEqual({ OK: 1 })
  expect((await session.ask(MeDocument, {})).me.displayName).toBe(null)
})

test('a token works until 24 hours have passed, and not a second longer', async () => {
  const [inTime, late] = [newAddress(), newAddress()]
  await register(inTime)
  await register(late)
  const tokens = [await confirmationTokenTo(gatehouse, inTime), await confirmationTokenTo(gatehouse, late)] as const
  const later = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
  try {
    later.advanceClock(24 * 3600 - 30)
    expect(tally([await confirm(later, tokens[0])])).toEqual({ OK: 1 })
    later.advanceClock(30)
    expect(tally([await confirm(later, tokens[1])])).toEqual({ TOKEN_INVALID: 1 })
  } finally {
    await later.close()
  }
})

test.each([
  { password: 'short', reason: 'It has fewer than 8 characters.' },
  { password: 'password123', reason: 'It is one of the most common passwords.' },
  { password: 'ab'.repeat(65), reason: 'It has more than 128 characters.' },
  {
    password: 'grace.hopper1',
    reason: 'It is little more than your name, your address or the name of this service.',
  },
])('a password that will not do is refused with its reason, and nothing is registered: $reason', async (rule) => {
  const { password, reason } = rule
  const input = { email: 'grace.hopper@example.com', password, displayName: 'Grace' }
  const { extensions } = await gatehouse.anonymous.refused(RegisterDocument, { input })
  expect(extensions).toEqual({ code: 'PASSWORD_REJECTED', reasons: [reason] })
  expect(await gatehouse.sql`SELECT FROM users WHERE email = ${input.email}`).toHaveLength(0)
})
