import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import type { Answer, Client } from '../support/client.ts'
import { LoginDocument, type LoginMutation, MyMfaDocument, VerifyMfaDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { answerChallenge, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode, wrongTotpCode, wrongTotpCodes } from '../support/totp.ts'

const quarterOfAnHour = 15 * 60
const day = 24 * 3600
const wrongPassword = 'none of the right passphrases'
const chrome =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'
const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0'
const home = { 'user-agent': chrome, 'x-forwarded-for': '198.51.100.7' }

let gatehouse: Gatehouse
let other: Gatehouse
let skew = 0
let networks = 0
beforeAll(async () => {
  const config = { trustedProxies: ['127.0.0.1'] }
  gatehouse = await startGatehouse({ config })
  other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl, config })
})
afterAll(async () => {
  await other.close()
  await gatehouse.close()
})
afterEach(() => pass(-skew))

const pass = (seconds: number) => {
  skew += seconds
  for (const server of [gatehouse, other]) server.advanceClock(seconds)
}

/** A client from a network that was never seen before, on either server in turn. */
const stranger = (): Client => {
  const { anonymous } = networks++ % 2 ? gatehouse : other
  return anonymous.with({ 'user-agent': firefox, 'x-forwarded-for': `10.${networks >> 8}.${networks & 255}.1` })
}

type LoginAnswer = Answer<LoginMutation>

const login = (
  client: Client,
  { email }: Pick<TestUser, 'email'>,
  password: string,
  deviceToken: string | null = null,
): Promise<LoginAnswer> => client.send(LoginDocument, { input: { email, password, deviceToken } })

const outcomeOf = ({ errors, data }: LoginAnswer) => errors?.[0]?.extensions.code ?? data?.login.__typename

/** Wrong passwords from as many networks, at once. */
const siege = (user: Pick<TestUser, 'email'>, count: number) =>
  atOnce(count, [0], () => login(stranger(), user, wrongPassword))

/** Ten wrong passwords one by one, each from another network: the last of them locks. */
const lockPasswords = async (user: Pick<TestUser, 'email'>) => {
  for (let n = 0; n < 10; n++) {
    expect(outcomeOf(await login(stranger(), user, wrongPassword))).toBe('INVALID_CREDENTIALS')
  }
}

const userWithTotp = async () => {
  const user = await gatehouse.createUser()
  return { user, seed: await gatehouse.giveTotp(user) }
}

const notices = async (user: TestUser) =>
  (await gatehouse.mailTo(user.email)).filter(({ subject }) => subject === 'Your account is locked for a while').length

const allMailSent = () =>
  eventually(async () => {
    const [row] = await gatehouse.sql`SELECT count(*)::int AS count FROM outgoing_messages WHERE sent_at IS NULL`
    return row?.count === 0
  })

test('A17: of 200 wrong passwords at once from 200 networks ten are looked at, and one lock recorded', async () => {
  const { user, seed } = await userWithTotp()
  const answers = await siege(user, 200)
  const { INVALID_CREDENTIALS: looked, ACCOUNT_LOCKED: locked, ...rest } = tally(answers)
  expect({ looked, locked, rest }).toEqual({ looked: 10, locked: 190, rest: {} })
  const refused = answers.filter((answer) => outcomeOf(answer) === 'ACCOUNT_LOCKED')
  for (const { errors, headers } of refused) {
    const seconds = errors?.[0]?.extensions.retryAfterSeconds
    expect(seconds).toSatisfy((s: number) => Number.isInteger(s) && s > 0 && s <= quarterOfAnHour)
    expect(headers.get('retry-after')).toBe(String(seconds))
  }
  const history = await historyOf(gatehouse, user)
  expect(countTypes(history)).toMatchObject({ LOGIN_FAILED: 10, ACCOUNT_LOCKED: 1 })
  expect(history.find(({ type }) => type === 'ACCOUNT_LOCKED')?.details).toEqual({ scope: 'password' })
  await eventually(async () => (await notices(user)) > 0)
  await allMailSent()
  expect(await notices(user)).toBe(1)
  await expectUnharmed(gatehouse, { secrets: [wrongPassword, seed], answers })
}, 60_000)

test('A17: an unknown address locks as a known one does, in the same words', async () => {
  const known = await gatehouse.createUser()
  const unknown = { email: `${randomUUID()}@example.com` }
  const told = async (user: { email: string }) => {
    const words: unknown[] = []
    for (let n = 0; n < 12; n++) {
      const { errors, status, headers } = await login(stranger(), user, wrongPassword)
      const { retryAfterSeconds: seconds, ...rest } = { code: 'OK', ...errors?.[0]?.extensions } as Record<
        string,
        unknown
      >
      words.push({ message: errors?.[0]?.message, rest, status, waits: [typeof seconds, headers.has('retry-after')] })
    }
    return words
  }
  const [ofKnown, ofUnknown] = [await told(known), await told(unknown)]
  expect(ofUnknown).toEqual(ofKnown)
  expect(ofKnown.map((word) => (word as { rest: { code: string } }).rest.code)).toEqual([
    ...Array(10).fill('INVALID_CREDENTIALS'),
    ...Array(2).fill('ACCOUNT_LOCKED'),
  ])
})

test('A17: while strangers have locked it, the owner gets in from the device and network that signed in before', async () => {
  const user = await gatehouse.createUser()
  const known = gatehouse.anonymous.with(home)
  expect(outcomeOf(await login(known, user, user.password))).toBe('SignedIn')
  await siege(user, 40)
  expect(outcomeOf(await login(stranger(), user, user.password))).toBe('ACCOUNT_LOCKED')

  for (const server of [gatehouse, other]) {
    expect(outcomeOf(await login(server.anonymous.with(home), user, user.password))).toBe('SignedIn')
  }
  for (const part of [{ 'user-agent': firefox }, { 'x-forwarded-for': '198.51.100.8' }]) {
    const half = gatehouse.anonymous.with({ ...home, ...part })
    expect(outcomeOf(await login(half, user, user.password)), JSON.stringify(part)).toBe('ACCOUNT_LOCKED')
  }
})

test('A17: the budget of a known device is its own and as small', async () => {
  const user = await gatehouse.createUser()
  const known = gatehouse.anonymous.with(home)
  expect(outcomeOf(await login(known, user, user.password))).toBe('SignedIn')
  const answers = await atOnce(30, [0], () => login(known, user, wrongPassword))
  expect(tally(answers)).toEqual({ INVALID_CREDENTIALS: 10, ACCOUNT_LOCKED: 20 })
  expect(outcomeOf(await login(known, user, user.password))).toBe('ACCOUNT_LOCKED')
  expect(outcomeOf(await login(stranger(), user, user.password))).toBe('SignedIn')
})

test('A17: while strangers have locked it, the owner gets in from anywhere with the token of a trusted device', async () => {
  const { user, seed } = await userWithTotp()
  const client = stranger()
  const input = { challengeId: await loginChallenge(client, user), code: totpCode(seed, gatehouse.now()) }
  const { verifyMfa } = await client.ask(VerifyMfaDocument, { input: { ...input, trustDevice: true } })
  if (verifyMfa.__typename !== 'SignedIn') throw new Error('The device was not trusted')
  const { deviceToken } = verifyMfa
  await siege(user, 40)

  const answer = await login(stranger(), user, user.password, deviceToken)
  expect(outcomeOf(answer)).toBe('SignedIn')
  expect(outcomeOf(await login(stranger(), user, wrongPassword, `${deviceToken}x`))).toBe('ACCOUNT_LOCKED')
})

test("A17: somebody else's trusted token is no way round the lock", async () => {
  const [alice, mallory] = [await gatehouse.createUser(), await userWithTotp()]
  const client = stranger()
  const input = {
    challengeId: await loginChallenge(client, mallory.user),
    code: totpCode(mallory.seed, gatehouse.now()),
  }
  const { verifyMfa } = await client.ask(VerifyMfaDocument, { input: { ...input, trustDevice: true } })
  const deviceToken = verifyMfa.__typename === 'SignedIn' ? verifyMfa.deviceToken : null
  expect(deviceToken).toEqual(expect.any(String))
  await lockPasswords(alice)
  expect(outcomeOf(await login(stranger(), alice, alice.password, deviceToken))).toBe('ACCOUNT_LOCKED')
})

test('A17: while strangers have locked it, a right password from a fresh network still leads to the second factor', async () => {
  const { user, seed } = await userWithTotp()
  await siege(user, 40)
  const client = stranger()
  const id = await loginChallenge(client, user)
  const { session } = await completeChallenge(client, id, totpCode(seed, gatehouse.now()), 'SignedIn')
  expect(session.assurance).toBe('AAL2')
  expect(outcomeOf(await login(stranger(), user, wrongPassword))).toBe('ACCOUNT_LOCKED')
})

test('A17: one network of strangers has five tries at a locked account, and is told the same of each', async () => {
  const { user } = await userWithTotp()
  await lockPasswords(user)
  const client = stranger()
  for (let n = 0; n < 5; n++) expect(outcomeOf(await login(client, user, wrongPassword))).toBe('ACCOUNT_LOCKED')
  expect(outcomeOf(await login(client, user, user.password))).toBe('ACCOUNT_LOCKED')
  expect(outcomeOf(await login(stranger(), user, user.password))).toBe('MfaRequired')
})

test('A17: while strangers have locked it, an account without a second factor lets nobody in who is not known', async () => {
  const user = await gatehouse.createUser()
  await lockPasswords(user)
  const right = await login(stranger(), user, user.password)
  const wrong = await login(stranger(), user, wrongPassword)
  expect(right.errors?.map(({ message }) => message)).toEqual(wrong.errors?.map(({ message }) => message))
  for (const answer of [right, wrong]) expect(outcomeOf(answer)).toBe('ACCOUNT_LOCKED')
  expect(countTypes(await historyOf(gatehouse, user))).not.toHaveProperty('LOGIN_SUCCEEDED')
  pass(quarterOfAnHour + 1)
  expect(outcomeOf(await login(stranger(), user, user.password))).toBe('SignedIn')
})

test('A17: wrong passwords use up none of the codes, and wrong codes none of the passwords', async () => {
  const { user, seed } = await userWithTotp()
  const client = stranger()
  const before = await loginChallenge(client, user)
  await siege(user, 40)
  const wrong = await answerChallenge(client, before, wrongTotpCode(seed, gatehouse.now()))
  expect(wrong.errors?.[0]?.extensions).toEqual({ code: 'MFA_CODE_INVALID', attemptsRemaining: 4 })
  await completeChallenge(client, before, totpCode(seed, gatehouse.now()), 'SignedIn')

  const reverse = await userWithTotp()
  for (let round = 0; round < 2; round++) {
    const id = await loginChallenge(client, reverse.user)
    for (const code of wrongTotpCodes(reverse.seed, gatehouse.now(), 6)) await answerChallenge(client, id, code)
  }
  for (let n = 0; n < 10; n++) {
    expect(outcomeOf(await login(stranger(), reverse.user, wrongPassword)), `try ${n}`).toBe('INVALID_CREDENTIALS')
  }
  expect(countTypes(await historyOf(gatehouse, reverse.user))).toMatchObject({ MFA_FAILED: 10, ACCOUNT_LOCKED: 2 })
})

test('A17: a siege ends no session', async () => {
  const { user } = await userWithTotp()
  const session = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'])
  await siege(user, 40)
  expect((await session.ask(MyMfaDocument, {})).me.mfa.enabled).toBe(true)
})

test('A17: a siege that goes on sends the owner three notices a day, and no more', async () => {
  const user = await gatehouse.createUser()
  const lockTimes = async (count: number) => {
    for (let n = 0; n < count; n++) {
      await lockPasswords(user)
      pass(quarterOfAnHour + 1)
    }
  }
  await lockTimes(5)
  await eventually(async () => (await notices(user)) >= 3)
  await allMailSent()
  expect(await notices(user)).toBe(3)
  expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ LOGIN_FAILED: 50, ACCOUNT_LOCKED: 5 })
  pass(day)
  await lockTimes(1)
  await eventually(async () => (await notices(user)) >= 4)
}, 60_000)
