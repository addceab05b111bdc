import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import type { Answer, Client } from '../support/client.ts'
import {
  MyMfaDocument,
  RequestStepUpDocument,
  SendMfaCodeDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import { codeSentTo, eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { startGatehouseProcess } from '../support/gatehouse-process.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { answerChallenge, beginEnrolment, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode, wrongTotpCode, wrongTotpCodes } from '../support/totp.ts'

const quarterOfAnHour = 15 * 60
const trustedProxies = ['127.0.0.1']
const reauthenticate = 'mutation ($password: String!) { reauthenticate(password: $password) { sessionToken } }'
const wrongBackupCode = '0-00000-00000'

let gatehouse: Gatehouse
let other: Gatehouse
let processes: Awaited<ReturnType<typeof startGatehouseProcess>>[]
let skew = 0
beforeAll(async () => {
  gatehouse = await startGatehouse({ config: { trustedProxies } })
  const { databaseUrl } = gatehouse
  other = await startGatehouse({ databaseUrl, config: { trustedProxies } })
  const environment = { TRUSTED_PROXIES: trustedProxies.join() }
  processes = await atOnce(2, [databaseUrl], (url) => startGatehouseProcess(url, environment))
})
afterAll(async () => {
  expect(await Promise.all(processes.map((server) => server.end()))).toEqual([0, 0])
  await other.close()
  await gatehouse.close()
})
afterEach(() => pass(-skew))

/** Moves the clocks of both servers here. */
const pass = (seconds: number) => {
  skew += seconds
  for (const server of [gatehouse, other]) server.advanceClock(seconds)
}

/** These servers in turn, as the clients of twenty networks see it. */
const doorsOf = (servers: readonly { readonly anonymous: Client }[]) =>
  Array.from({ length: 20 }, (_none, n) =>
    (servers[n % servers.length] as { anonymous: Client }).anonymous.with({ 'x-forwarded-for': `203.0.113.${n + 1}` }),
  )

const userWithTotp = async () => {
  const user = await gatehouse.createUser()
  return { user, seed: await gatehouse.giveTotp(user) }
}

const stepUpChallenge = async (session: Client): Promise<string> =>
  (await session.ask(RequestStepUpDocument, {})).requestStepUp.id

const codeOf = ({ errors, data }: Answer<{ verifyMfa: { __typename: string } }>) =>
  errors?.[0]?.extensions.code ?? data?.verifyMfa.__typename

/** That an answer tells the client that the account is locked, and until when. */
const expectLocked = ({ errors, headers, status, text }: Answer<unknown>) => {
  expect(errors?.[0]?.extensions, text).toEqual({ code: 'ACCOUNT_LOCKED', retryAfterSeconds: expect.any(Number) })
  const seconds = errors?.[0]?.extensions.retryAfterSeconds as number
  expect(Number.isInteger(seconds) && seconds > 0 && seconds <= quarterOfAnHour, String(seconds)).toBe(true)
  expect({ status, retryAfter: headers.get('retry-after') }).toEqual({ status: 429, retryAfter: String(seconds) })
}

/** Uses the account's budget up with wrong codes at two sign-ins. */
const lockCodes = async (user: TestUser, seed: string) => {
  for (let round = 0; round < 2; round++) {
    const id = await loginChallenge(gatehouse.anonymous, user)
    for (const code of wrongTotpCodes(seed, gatehouse.now(), 5)) {
      expect(codeOf(await answerChallenge(gatehouse.anonymous, id, code))).toBe('MFA_CODE_INVALID')
    }
  }
}

const lockNotices = async (to: string) =>
  (await gatehouse.mailTo(to)).filter(({ subject }) => subject === 'Your account is locked for a while')

/** That the one lock was recorded once and its owner told once. */
const expectOneLock = async (user: TestUser, failures: number) => {
  const history = await historyOf(gatehouse, user)
  expect(countTypes(history)).toMatchObject({ MFA_FAILED: failures, ACCOUNT_LOCKED: 1 })
  expect(history.find(({ type }) => type === 'ACCOUNT_LOCKED')?.details).toEqual({ scope: 'mfa' })
  await eventually(async () => (await lockNotices(user.email)).length > 0)
  const [unsent] = await gatehouse.sql`
    SELECT count(*)::int AS count FROM outgoing_messages WHERE recipient = ${user.email} AND sent_at IS NULL`
  expect({ notices: (await lockNotices(user.email)).length, unsent: unsent?.count }).toEqual({ notices: 1, unsent: 0 })
}

test('A5: of 300 wrong codes at once, at 60 challenges over two processes and from 20 addresses, ten are looked at', async () => {
  const { user, seed } = await userWithTotp()
  const doors = doorsOf(processes)
  const ids: string[] = []
  while (ids.length < 60) ids.push(...(await atOnce(20, doors, (door) => loginChallenge(door, user))))
  const spare = await loginChallenge(doors[0] as Client, user)
  const codes = wrongTotpCodes(seed, new Date(), 300)

  const answers = await atOnce(300, doors, (door, turn) =>
    answerChallenge(door, ids[turn % ids.length] as string, codes[turn] as string),
  )
  expect(tally(answers)).toEqual({ MFA_CODE_INVALID: 10, ACCOUNT_LOCKED: 290 })
  for (const door of doors.slice(0, 2)) {
    expectLocked(await answerChallenge(door, spare, totpCode(seed, new Date())))
  }
  await expectOneLock(user, 10)
  for (const { url, output } of processes) {
    await expectUnharmed({ url, logs: output, sql: gatehouse.sql }, { secrets: [seed], answers })
  }
}, 60_000)

test('B9: of 300 wrong codes at once at the step-ups of a stolen session, ten are looked at', async () => {
  const { user, seed } = await userWithTotp()
  const stolen = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'])
  const thieves = processes.map((server) => ({ anonymous: server.clientWith(stolen.token) }))
  const doors = doorsOf(thieves)
  const ids = await atOnce(60, doors, stepUpChallenge)
  const codes = wrongTotpCodes(seed, new Date(), 300)

  const answers = await atOnce(300, doors, (door, turn) =>
    answerChallenge(door, ids[turn % ids.length] as string, codes[turn] as string),
  )
  const { MFA_CODE_INVALID: looked, ACCOUNT_LOCKED: locked = 0, CHALLENGE_EXPIRED: late = 0, ...rest } = tally(answers)
  expect({ looked, others: locked + late, rest }).toEqual({ looked: 10, others: 290, rest: {} })
  const login = await loginChallenge(gatehouse.anonymous, user)
  expectLocked(await answerChallenge(gatehouse.anonymous, login, totpCode(seed, gatehouse.now())))
  await expectOneLock(user, 10)
  await expectUnharmed(gatehouse, { secrets: [seed], answers })
}, 60_000)

test('B9: wrong passwords at the step-up of a stolen session are counted over all sessions of the account', async () => {
  const user = await gatehouse.createUser()
  const sessions = await atOnce(4, [0], () => gatehouse.signedInAs(user))
  const tokens = sessions.map(({ token }) => token)
  const doors = processes.flatMap((server) => tokens.map((token) => server.clientWith(token)))
  const answers = await atOnce(100, doors, (door) => door.sendText(reauthenticate, { password: 'a wrong one' }))
  expect(tally(answers)).toEqual({ INVALID_CREDENTIALS: 10, ACCOUNT_LOCKED: 90 })
  const [first] = sessions
  expectLocked(await (first as Client).sendText(reauthenticate, { password: user.password }))
  expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ ACCOUNT_LOCKED: 1 })
})

test('A5: wrong codes of every method, at every act, from every address and server, use up one budget', async () => {
  const { user, seed } = await userWithTotp()
  const phone = await gatehouse.givePhone(user)
  const codes = await gatehouse.giveBackupCodes(user)
  const fresh = new Date(gatehouse.now().getTime() + 300_000)
  const session = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], fresh)
  const doors = doorsOf([gatehouse, other])
  const login = await loginChallenge(gatehouse.anonymous, user)
  const texted = await loginChallenge(gatehouse.anonymous, user)
  const spare = await loginChallenge(gatehouse.anonymous, user)
  const stepUp = await stepUpChallenge(session)
  const { challenge: enrolment, secret } = await beginEnrolment(session)
  const { factors } = (await session.ask(MyMfaDocument, {})).me.mfa
  const factorId = factors.find(({ method }) => method === 'SMS')?.id as string
  await gatehouse.anonymous.ask(SendMfaCodeDocument, { input: { challengeId: texted, factorId } })
  const sent = await codeSentTo(gatehouse, phone)
  const unlike = sent === '000000' ? '111111' : '000000'

  const guesses = [
    { challengeId: login, code: wrongTotpCode(seed, gatehouse.now()), method: 'TOTP' },
    { challengeId: login, code: wrongBackupCode, method: 'BACKUP_CODE' },
    { challengeId: texted, code: unlike, method: 'SMS' },
    { challengeId: stepUp, code: wrongTotpCode(seed, gatehouse.now()), method: null },
    { challengeId: enrolment.id, code: wrongTotpCode(secret, gatehouse.now()), method: null },
  ] as const
  const secretsOf = [login, texted]
  for (let n = 0; n < 10; n++) {
    const guess = guesses[n % guesses.length] as (typeof guesses)[number]
    const client = secretsOf.includes(guess.challengeId) ? (doors[n] as Client) : session
    expect(codeOf(await client.send(VerifyMfaDocument, { input: guess })), `guess ${n}`).toBe('MFA_CODE_INVALID')
  }
  const rights = [
    { client: doors[0] as Client, challengeId: login, code: totpCode(seed, gatehouse.now()) },
    { client: doors[1] as Client, challengeId: spare, code: codes[3] as string },
    { client: doors[3] as Client, challengeId: texted, code: sent },
    { client: session, challengeId: stepUp, code: totpCode(seed, gatehouse.now()) },
    { client: session, challengeId: enrolment.id, code: totpCode(secret, gatehouse.now()) },
  ]
  for (const { client, challengeId, code } of rights) expectLocked(await answerChallenge(client, challengeId, code))
  await expectOneLock(user, 10)
  expect((await session.ask(MyMfaDocument, {})).me.mfa.backupCodesRemaining).toBe(10)
  await expectUnharmed(gatehouse, { secrets: [seed, secret, sent] })
})

test('A5: neither a right password nor a right code resets the count', async () => {
  const { user, seed } = await userWithTotp()
  const { anonymous } = gatehouse
  const guess = async (count: number) => {
    for (let n = 0; n < count; n++) {
      const id = await loginChallenge(anonymous, user) // a right password before each
      expect(codeOf(await answerChallenge(anonymous, id, wrongTotpCode(seed, gatehouse.now())))).toBe(
        'MFA_CODE_INVALID',
      )
    }
  }
  await guess(9)
  await completeChallenge(anonymous, await loginChallenge(anonymous, user), totpCode(seed, gatehouse.now()), 'SignedIn')
  await guess(1)
  pass(30)
  expectLocked(await answerChallenge(anonymous, await loginChallenge(anonymous, user), totpCode(seed, gatehouse.now())))
  await expectOneLock(user, 10)
})

test('A5: right codes cost nothing of the budget', async () => {
  const { user, seed } = await userWithTotp()
  const { anonymous } = gatehouse
  for (let n = 0; n < 12; n++) {
    const id = await loginChallenge(anonymous, user)
    await completeChallenge(anonymous, id, totpCode(seed, gatehouse.now()), 'SignedIn')
    pass(30)
  }
})

test('A5: the lock refuses right codes on every server until a quarter of an hour has passed, then opens by itself', async () => {
  const { user, seed } = await userWithTotp()
  await lockCodes(user, seed)
  const tryAgain = async ({ anonymous, now }: Gatehouse) =>
    answerChallenge(anonymous, await loginChallenge(anonymous, user), totpCode(seed, now()))
  for (const server of [gatehouse, other]) expectLocked(await tryAgain(server))
  pass(quarterOfAnHour - 30)
  const late = await tryAgain(other)
  expectLocked(late)
  expect(late.errors?.[0]?.extensions.retryAfterSeconds).toBeLessThanOrEqual(30)
  pass(31)
  expect(codeOf(await tryAgain(other))).toBe('SignedIn')
  pass(30)
  expect(codeOf(await tryAgain(gatehouse))).toBe('SignedIn')
  await expectOneLock(user, 10)
})

test('A5: one account that is locked locks no other', async () => {
  const { user, seed } = await userWithTotp()
  await lockCodes(user, seed)
  const neighbour = await userWithTotp()
  const { anonymous } = gatehouse
  const id = await loginChallenge(anonymous, neighbour.user)
  await completeChallenge(anonymous, id, totpCode(neighbour.seed, gatehouse.now()), 'SignedIn')
})

test('A7: of ten codes in one document the first wrong one is counted and ends it', async () => {
  const { user, seed } = await userWithTotp()
  const { anonymous } = gatehouse
  const ids = [await loginChallenge(anonymous, user), await loginChallenge(anonymous, user)]
  const codes = [...wrongTotpCodes(seed, gatehouse.now(), 9), totpCode(seed, gatehouse.now())]
  const fields = codes.map(
    (code, n) => `a${n}: verifyMfa(input: { challengeId: "${ids[n % 2]}", code: "${code}" }) { __typename }`,
  )
  const { errors, data } = await anonymous.sendText(`mutation { ${fields.join(' ')} }`)
  expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'MFA_CODE_INVALID', attemptsRemaining: 4 }])
  expect(data).toBeNull()
  expect(countTypes(await historyOf(gatehouse, user))).toEqual({ MFA_CHALLENGED: 2, MFA_FAILED: 1 })
})
