import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import type { Client } from '../support/client.ts'
import {
  LoginDocument,
  type LoginMutation,
  MyMfaDocument,
  RegenerateBackupCodesDocument,
  RemoveMfaFactorDocument,
  TrustedDevicesDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { startGatehouseProcess } from '../support/gatehouse-process.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce } from '../support/race.ts'
import { roundsOf } from '../support/rounds.ts'
import { beginEnrolment, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

const chrome = {
  'user-agent':
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
}
const newerChrome = { 'user-agent': chrome['user-agent'].replace('126', '127') }
const firefox = { 'user-agent': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0' }
const days = 24 * 3600

let gatehouse: Gatehouse
let browser: Client
beforeAll(async () => {
  gatehouse = await startGatehouse()
  browser = gatehouse.anonymous.with(chrome)
})
afterAll(() => gatehouse.close())

type SignedIn = Extract<LoginMutation['login'], { __typename: 'SignedIn' }>

const login = async (client: Client, { email, password }: TestUser, deviceToken: string | null) =>
  (await client.ask(LoginDocument, { input: { email, password, deviceToken } })).login

/** Signs in by password and device token, which must be enough. */
const letIn = async (client: Client, user: TestUser, deviceToken: string): Promise<SignedIn> => {
  const result = await login(client, user, deviceToken)
  if (result.__typename !== 'SignedIn') throw new Error('The device was not trusted')
  return result
}

/** What came of a sign-in by password and device token. */
const kindOf = async (client: Client, user: TestUser, deviceToken: string | null) =>
  (await login(client, user, deviceToken)).__typename

const trust = async (client: Client, user: TestUser, seed: string, at = gatehouse.now()) => {
  const input = { challengeId: await loginChallenge(client, user), code: totpCode(seed, at), trustDevice: true }
  const { verifyMfa } = await client.ask(VerifyMfaDocument, { input })
  if (verifyMfa.__typename !== 'SignedIn') throw new Error(`The login ended as ${verifyMfa.__typename}`)
  const { deviceToken, sessionToken } = verifyMfa
  if (!deviceToken || !sessionToken) throw new Error('The device was not trusted')
  return { deviceToken, session: gatehouse.clientWith(sessionToken) }
}

/** A user with an authenticator app, and the device that they trust. */
const userWithTrust = async (client = browser) => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  return { user, seed, ...(await trust(client, user, seed)) }
}

const revocationsOf = async (user: TestUser) =>
  (await historyOf(gatehouse, user))
    .filter(({ type }) => type === 'DEVICE_TRUST_REVOKED')
    .map(({ outcome, details }) => ({ outcome, reason: details.reason }))

const mailsAbout = async (user: TestUser, subject: string) =>
  (await gatehouse.mailTo(user.email)).filter((mail) => mail.subject === subject)
const copied = 'A trusted device is no longer trusted'

test("B13: a trusted device's token waives the factor once and is replaced, and the session says so", async () => {
  const { user, seed, deviceToken } = await userWithTrust()
  expect(deviceToken).toMatch(/^gtd_[\w-]{67}$/)
  const tokens = [deviceToken]
  for (let turn = 0; turn < 3; turn++) {
    const signedIn = await letIn(browser, user, tokens.at(-1) as string)
    expect(signedIn.session).toMatchObject({
      current: true,
      assurance: 'AAL1',
      authenticationMethods: ['PASSWORD'],
      trustedDevice: true,
      elevatedUntil: null,
    })
    expect(signedIn.deviceToken).toMatch(/^gtd_[\w-]{67}$/)
    tokens.push(signedIn.deviceToken as string)
  }
  expect(new Set(tokens)).toHaveLength(4)
  expect(await revocationsOf(user)).toEqual([])
  expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ DEVICE_TRUSTED: 1, LOGIN_SUCCEEDED: 4 })
  await expectUnharmed(gatehouse, { secrets: [...tokens, seed, user.password] })
})

test('B13: a copied token gives itself away: refused, the device trusted no more, its owner told', async () => {
  const { user, seed, deviceToken: old } = await userWithTrust()
  const { deviceToken: current } = await letIn(browser, user, old)

  expect(await kindOf(browser, user, old)).toBe('MfaRequired')
  expect(await kindOf(browser, user, current as string)).toBe('MfaRequired')
  expect(await kindOf(browser, user, old)).toBe('MfaRequired')

  expect(await revocationsOf(user)).toEqual([{ outcome: 'DENIED', reason: 'token copied' }])
  const [mail] = await eventually(async () => {
    const mails = await mailsAbout(user, copied)
    return mails.length > 0 && mails
  })
  expect(mail?.text).toContain('Chrome on macOS')
  expect(await mailsAbout(user, copied)).toHaveLength(1)
  await expectUnharmed(gatehouse, { secrets: [old, current as string, seed, user.password] })
})

test('B13: a copy that a thief uses first is found out when its owner comes', async () => {
  const { user, deviceToken: stolen } = await userWithTrust()
  const thief = browser
  const { deviceToken: ofThief } = await letIn(thief, user, stolen)
  expect(await kindOf(browser, user, stolen)).toBe('MfaRequired')
  expect(await kindOf(thief, user, ofThief as string)).toBe('MfaRequired')
  expect(await revocationsOf(user)).toHaveLength(1)
})

test('B13: an old token gives a copy away from any kind of device', async () => {
  const { user, deviceToken: old } = await userWithTrust()
  await letIn(browser, user, old)
  expect(await kindOf(gatehouse.anonymous.with(firefox), user, old)).toBe('MfaRequired')
  expect(await revocationsOf(user)).toEqual([{ outcome: 'DENIED', reason: 'token copied' }])
})

test('B13: a wrong password neither uses a device token up nor ends its trust', async () => {
  const { user, deviceToken } = await userWithTrust()
  const input = { email: user.email, password: 'not the passphrase', deviceToken }
  for (let turn = 0; turn < 3; turn++) {
    expect((await browser.refused(LoginDocument, { input })).extensions.code).toBe('INVALID_CREDENTIALS')
  }
  const { deviceToken: next } = await letIn(browser, user, deviceToken)
  const old = { ...input, deviceToken } // used now: without the password it still says nothing
  expect((await browser.refused(LoginDocument, { input: old })).extensions.code).toBe('INVALID_CREDENTIALS')
  await letIn(browser, user, next as string)
  expect(await revocationsOf(user)).toEqual([])
})

test("B13: someone else's token, used or not, waives nothing and revokes nothing", async () => {
  const alice = await userWithTrust()
  const mallory = await userWithTrust()
  const { deviceToken: current } = await letIn(browser, mallory.user, mallory.deviceToken)
  const stolen = await letIn(browser, alice.user, alice.deviceToken)

  for (const token of [mallory.deviceToken, current as string]) {
    expect(await kindOf(browser, alice.user, token)).toBe('MfaRequired')
  }
  for (const token of [alice.deviceToken, stolen.deviceToken as string]) {
    expect(await kindOf(browser, mallory.user, token)).toBe('MfaRequired')
  }
  await letIn(browser, mallory.user, current as string)
  await letIn(browser, alice.user, stolen.deviceToken as string)
  for (const { user } of [alice, mallory]) {
    expect(await revocationsOf(user)).toEqual([])
    expect(await mailsAbout(user, copied)).toEqual([])
  }
})

test('B13: a token is refused from another kind of device, and still holds on its own', async () => {
  const { user, deviceToken } = await userWithTrust()
  for (const headers of [firefox, { 'user-agent': 'curl/8.1' }, { 'user-agent': '' }]) {
    expect(await kindOf(gatehouse.anonymous.with(headers), user, deviceToken)).toBe('MfaRequired')
  }
  expect(await revocationsOf(user)).toEqual([])
  await letIn(gatehouse.anonymous.with(newerChrome), user, deviceToken)
})

test('B13: trust ends on the server after 30 days, however often it was used', async () => {
  const later = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
  try {
    const { user, deviceToken } = await userWithTrust(browser)
    const laterBrowser = later.anonymous.with(chrome)
    later.advanceClock(29 * days)
    const { deviceToken: next, sessionToken } = await letIn(laterBrowser, user, deviceToken)
    const listed = () => later.clientWith(sessionToken).ask(TrustedDevicesDocument, {})
    expect((await listed()).trustedDevices).toHaveLength(1)

    later.advanceClock(days + 1)
    expect(await kindOf(laterBrowser, user, next as string)).toBe('MfaRequired')
    const reader = await later.signedInAs(user)
    expect((await reader.ask(TrustedDevicesDocument, {})).trustedDevices).toEqual([])
    expect(await revocationsOf(user)).toEqual([])
  } finally {
    await later.close()
  }
})

const changes: Record<string, (user: TestUser, seed: string) => Promise<void>> = {
  'the removal of a factor': async (user) => {
    await gatehouse.givePhone(user)
    const raised = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], new Date(gatehouse.now().getTime() + 60_000))
    const { me } = await raised.ask(MyMfaDocument, {})
    const { id } = me.mfa.factors.find(({ method }) => method === 'SMS') as { id: string }
    await raised.ask(RemoveMfaFactorDocument, { id })
  },
  'the enrolment of another': async (user) => {
    const raised = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], new Date(gatehouse.now().getTime() + 60_000))
    const { challenge, secret } = await beginEnrolment(raised)
    await completeChallenge(raised, challenge.id, totpCode(secret, gatehouse.now()), 'MfaActivated')
  },
}

test.each(Object.entries(changes))('B13: %s ends the trust of every device', async (_change, change) => {
  const { user, seed, deviceToken: first } = await userWithTrust()
  gatehouse.advanceClock(30)
  const { deviceToken: second } = await trust(gatehouse.anonymous.with(firefox), user, seed)

  await change(user, seed)
  expect(await kindOf(browser, user, first)).toBe('MfaRequired')
  expect(await kindOf(gatehouse.anonymous.with(firefox), user, second)).toBe('MfaRequired')
  const reader = await gatehouse.signedInAs(user)
  expect((await reader.ask(TrustedDevicesDocument, {})).trustedDevices).toEqual([])
  expect((await revocationsOf(user)).map(({ reason }) => reason)).toContain('factors changed')
  expect((await revocationsOf(user)).map(({ reason }) => reason)).not.toContain('token copied')
  expect(await mailsAbout(user, copied)).toEqual([])
})

test('B13: trust that ends while a sign-in is under way waives nothing of it', async () => {
  const { user, deviceToken } = await userWithTrust()
  let arriving: Promise<string> = Promise.resolve('')
  await gatehouse.sql.begin(async (held) => {
    await held`SELECT 1 FROM users WHERE id = ${user.id} FOR UPDATE`
    arriving = kindOf(browser, user, deviceToken)
    await eventually(async () => {
      const waiting = await gatehouse.sql`
        SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
      return waiting.length === 1
    })
    await held`UPDATE trusted_devices SET revoked_at = now() WHERE user_id = ${user.id}`
  })
  expect(await arriving).toBe('MfaRequired')
})

test('B13: a sensitive act from a trusted device asks for the factor', async () => {
  const { user, seed, deviceToken } = await userWithTrust()
  const { sessionToken, deviceToken: next } = await letIn(browser, user, deviceToken)
  const session = gatehouse.clientWith(sessionToken)
  const { extensions } = await session.refused(RegenerateBackupCodesDocument, {})
  expect(extensions).toMatchObject({ code: 'STEP_UP_REQUIRED', methods: ['TOTP'] })

  gatehouse.advanceClock(30)
  const code = totpCode(seed, gatehouse.now())
  const { sessionToken: raised } = await completeChallenge(session, String(extensions.challengeId), code, 'SteppedUp')
  await gatehouse.clientWith(raised).ask(RegenerateBackupCodesDocument, {})
  await letIn(browser, user, next as string)
})

/** The same token with one character changed; all of it is signed. */
const tampered = (token: string): string[] =>
  [4, 12, 20, 40, 62, 70].map((at) => token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1))

test('B13: a garbage or tampered token is ignored as if there were none, and costs nothing', async () => {
  const { user, seed, session, deviceToken } = await userWithTrust()
  const garbage = [
    ...tampered(deviceToken),
    '',
    ' ',
    'gtd_',
    deviceToken.slice(0, -1),
    `${deviceToken}A`,
    deviceToken.toUpperCase(),
    deviceToken.replace('gtd_', 'gts_'),
    `gtd_${'A'.repeat(67)}`,
    'x'.repeat(10_000),
    "' or 1=1 --",
    'é\u{1f600}',
  ]
  for (const token of garbage) expect([token, await kindOf(browser, user, token)]).toEqual([token, 'MfaRequired'])
  expect(await kindOf(browser, user, null)).toBe('MfaRequired')
  const { trustedDevices } = await session.ask(TrustedDevicesDocument, {})
  expect(await kindOf(browser, user, trustedDevices[0]?.id as string)).toBe('MfaRequired')

  const plain = await gatehouse.createUser()
  for (const token of garbage) expect([token, await kindOf(browser, plain, token)]).toEqual([token, 'SignedIn'])
  expect(await revocationsOf(user)).toEqual([])
  await letIn(browser, user, deviceToken)
  await expectUnharmed(gatehouse, { secrets: [seed, deviceToken, user.password] })
})

test('B13: a device token is not a session token, nor the other way round', async () => {
  const { user, seed, deviceToken } = await userWithTrust()
  const { extensions } = await gatehouse.clientWith(deviceToken).refused(TrustedDevicesDocument, {})
  expect(extensions.code).toBe('UNAUTHENTICATED')
  gatehouse.advanceClock(30)
  const challengeId = await loginChallenge(browser, user)
  const { sessionToken } = await completeChallenge(browser, challengeId, totpCode(seed, gatehouse.now()), 'SignedIn')
  expect(await kindOf(browser, user, sessionToken)).toBe('MfaRequired')
  expect(await kindOf(browser, user, (sessionToken as string).replace('gts_', 'gtd_'))).toBe('MfaRequired')
})

describe('with two processes', () => {
  const many = 50
  const rounds = roundsOf(2)
  let processes: Awaited<ReturnType<typeof startGatehouseProcess>>[]
  beforeAll(async () => {
    processes = await atOnce(2, [gatehouse.databaseUrl], (url) => startGatehouseProcess(url))
  })
  afterAll(async () => {
    expect(await Promise.all(processes.map((server) => server.end()))).toEqual([0, 0])
  })

  test('B13: of 50 sign-ins at once with one device token, one gets in without the factor', async () => {
    const doors = processes.map(({ anonymous }) => anonymous.with(chrome))
    for (let round = 0; round < rounds; round++) {
      const user = await gatehouse.createUser()
      const seed = await gatehouse.giveTotp(user)
      const { deviceToken } = await trust(doors[0] as Client, user, seed, new Date())
      const { email, password } = user
      const answers = await atOnce(many, doors, (door) =>
        door.send(LoginDocument, { input: { email, password, deviceToken } }),
      )
      const kinds = Object.groupBy(
        answers,
        ({ data, errors }) => errors?.[0]?.extensions.code ?? data?.login.__typename ?? '',
      )
      const { SignedIn: admitted = [], MfaRequired: asked = [], ACCOUNT_LOCKED: waited = [] } = kinds
      expect({ round, admitted: admitted.length, sum: asked.length + waited.length }).toEqual({
        round,
        admitted: 1,
        sum: many - 1,
      })
      expect(asked.length).toBeGreaterThan(0)
      const sessions = await gatehouse.sql`
        SELECT 1 FROM user_sessions WHERE user_id = ${user.id} AND trusted_device`
      expect(sessions).toHaveLength(1)
      const revocations = await gatehouse.sql`
        SELECT 1 FROM security_events WHERE user_id = ${user.id} AND type = 'DEVICE_TRUST_REVOKED'`
      expect(revocations).toHaveLength(1)
      const next = admitted[0]?.data?.login.__typename === 'SignedIn' ? admitted[0].data.login.deviceToken : null
      expect(await kindOf(doors[0] as Client, user, next as string)).toBe('MfaRequired')
      if (round > 0) continue
      for (const { url, output } of processes) {
        const secrets = [deviceToken, next as string, seed, password]
        const others = answers.filter((answer) => answer !== admitted[0])
        await expectUnharmed({ url, logs: output, sql: gatehouse.sql }, { secrets, answers: others })
      }
    }
  }, 240_000)
})
