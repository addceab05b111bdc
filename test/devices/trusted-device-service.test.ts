import { afterAll, beforeAll, expect, test } from 'vitest'
import { dumpOf, expectUnharmed, occursIn } from '../support/attack.ts'
import type { Client } from '../support/client.ts'
import {
  LoginDocument,
  RequestStepUpDocument,
  RevokeTrustedDeviceDocument,
  TrustedDevicesDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { beginEnrolment, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

const laptop = {
  'user-agent':
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
}
const phone = {
  'user-agent':
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
}

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const totpUser = async () => {
  const user = await gatehouse.createUser()
  return { user, seed: await gatehouse.giveTotp(user) }
}

/** Answers a login's challenge, and asks for trust or not. */
const passFactor = async (client: Client, user: TestUser, code: string, trustDevice: boolean | null) => {
  const input = { challengeId: await loginChallenge(client, user), code, ...(trustDevice !== null && { trustDevice }) }
  const { verifyMfa } = await client.ask(VerifyMfaDocument, { input })
  if (verifyMfa.__typename !== 'SignedIn') throw new Error(`The login ended as ${verifyMfa.__typename}`)
  return { ...verifyMfa, client: gatehouse.clientWith(verifyMfa.sessionToken) }
}

const devicesOf = async (client: Client) => (await client.ask(TrustedDevicesDocument, {})).trustedDevices

const loginKind = async (client: Client, { email, password }: TestUser, deviceToken: string | null) =>
  (await client.ask(LoginDocument, { input: { email, password, deviceToken } })).login.__typename

test('a device is trusted at a login, for 30 days, and its token is told once', async () => {
  const { user, seed } = await totpUser()
  const signedIn = await passFactor(gatehouse.anonymous.with(laptop), user, totpCode(seed, gatehouse.now()), true)
  expect(signedIn.deviceToken).toMatch(/^gtd_/)
  expect(signedIn.session).toMatchObject({ trustedDevice: false, authenticationMethods: ['PASSWORD', 'TOTP'] })

  const devices = await devicesOf(signedIn.client)
  expect(devices).toMatchObject([{ device: { label: 'Chrome on macOS' } }])
  const [{ createdAt, lastUsedAt, expiresAt }] = devices as [(typeof devices)[number]]
  expect(lastUsedAt).toBe(createdAt)
  expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(30 * 24 * 3600 * 1000)
  expect(JSON.stringify(devices)).not.toContain(signedIn.deviceToken)

  const history = await historyOf(gatehouse, user)
  const trusted = history.filter(({ type }) => type === 'DEVICE_TRUSTED')
  expect(trusted).toMatchObject([{ outcome: 'SUCCESS', sessionId: signedIn.session.id }])
  expect(trusted[0]?.details).toEqual({ deviceId: devices[0]?.id })
})

test('the use of trust moves its last use, and not its end', async () => {
  const { user, seed } = await totpUser()
  const browser = gatehouse.anonymous.with(laptop)
  const { deviceToken, client } = await passFactor(browser, user, totpCode(seed, gatehouse.now()), true)
  const [before] = await devicesOf(client)
  gatehouse.advanceClock(60)
  expect(await loginKind(browser, user, deviceToken)).toBe('SignedIn')
  const [after] = await devicesOf(client)
  expect(after).toMatchObject({ id: before?.id, createdAt: before?.createdAt, expiresAt: before?.expiresAt })
  expect(Date.parse(after?.lastUsedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(before?.lastUsedAt ?? '') + 60_000)
})

test('a login that does not ask for trust gets none', async () => {
  const { user, seed } = await totpUser()
  for (const wish of [false, null]) {
    gatehouse.advanceClock(30)
    const { deviceToken, client } = await passFactor(gatehouse.anonymous, user, totpCode(seed, gatehouse.now()), wish)
    expect(deviceToken).toBeNull()
    expect(await devicesOf(client)).toEqual([])
  }
  expect(countTypes(await historyOf(gatehouse, user))).not.toHaveProperty('DEVICE_TRUSTED')
})

test('B13: no device is trusted at a step-up', async () => {
  const { user, seed } = await totpUser()
  const session = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'])
  const { requestStepUp } = await session.ask(RequestStepUpDocument, {})
  const code = totpCode(seed, gatehouse.now())
  const { verifyMfa } = await session.ask(VerifyMfaDocument, {
    input: { challengeId: requestStepUp.id, code, trustDevice: true },
  })
  if (verifyMfa.__typename !== 'SteppedUp') throw new Error(`It ended as ${verifyMfa.__typename}`)
  expect(await devicesOf(gatehouse.clientWith(verifyMfa.sessionToken))).toEqual([])
  expect(await gatehouse.sql`SELECT 1 FROM trusted_devices WHERE user_id = ${user.id}`).toHaveLength(0)
})

test('B13: no device is trusted at an enrolment', async () => {
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  const { challenge, secret } = await beginEnrolment(session)
  const code = totpCode(secret, gatehouse.now())
  const { verifyMfa } = await session.ask(VerifyMfaDocument, {
    input: { challengeId: challenge.id, code, trustDevice: true },
  })
  if (verifyMfa.__typename !== 'MfaActivated') throw new Error(`It ended as ${verifyMfa.__typename}`)
  expect(await devicesOf(gatehouse.clientWith(verifyMfa.sessionToken))).toEqual([])
  expect(await gatehouse.sql`SELECT 1 FROM trusted_devices WHERE user_id = ${user.id}`).toHaveLength(0)
})

test('without a second factor there is nothing to trust, and a token makes no difference', async () => {
  const user = await gatehouse.createUser()
  const { email, password } = user
  const other = await totpUser()
  const { deviceToken } = await passFactor(gatehouse.anonymous, other.user, totpCode(other.seed, gatehouse.now()), true)
  for (const token of [null, deviceToken]) {
    const { login } = await gatehouse.anonymous.ask(LoginDocument, { input: { email, password, deviceToken: token } })
    if (login.__typename !== 'SignedIn') throw new Error('A second factor was asked for')
    expect(login).toMatchObject({ deviceToken: null, session: { trustedDevice: false } })
    expect(await devicesOf(gatehouse.clientWith(login.sessionToken))).toEqual([])
  }
})

test('a device token of the time before the factor went waives nothing of the next factor', async () => {
  const { user, seed } = await totpUser()
  const { deviceToken } = await passFactor(gatehouse.anonymous, user, totpCode(seed, gatehouse.now()), true)
  await gatehouse.sql`UPDATE users SET mfa_enabled = false, version = version + 1 WHERE id = ${user.id}`
  const { login } = await gatehouse.anonymous.ask(LoginDocument, {
    input: { email: user.email, password: user.password, deviceToken },
  })
  expect(login).toMatchObject({ __typename: 'SignedIn', deviceToken: null, session: { trustedDevice: false } })
})

test('trust that its owner ends is over at the next sign-in, and of that device alone', async () => {
  const { user, seed } = await totpUser()
  const onLaptop = await passFactor(gatehouse.anonymous.with(laptop), user, totpCode(seed, gatehouse.now()), true)
  gatehouse.advanceClock(30)
  const onPhone = await passFactor(gatehouse.anonymous.with(phone), user, totpCode(seed, gatehouse.now()), true)
  const listed = await devicesOf(onPhone.client)
  expect(listed.map(({ device }) => device.label)).toEqual(['Safari on iOS', 'Chrome on macOS'])

  const id = listed[1]?.id as string
  const { revokeTrustedDevice } = await onPhone.client.ask(RevokeTrustedDeviceDocument, { id })
  expect(revokeTrustedDevice.id).toBe(id)
  expect((await devicesOf(onLaptop.client)).map(({ device }) => device.label)).toEqual(['Safari on iOS'])
  expect(await loginKind(gatehouse.anonymous.with(laptop), user, onLaptop.deviceToken)).toBe('MfaRequired')
  expect(await loginKind(gatehouse.anonymous.with(phone), user, onPhone.deviceToken)).toBe('SignedIn')

  const { extensions } = await onPhone.client.refused(RevokeTrustedDeviceDocument, { id })
  expect(extensions.code).toBe('NOT_FOUND')
  const revocations = (await historyOf(gatehouse, user)).filter(({ type }) => type === 'DEVICE_TRUST_REVOKED')
  expect(revocations).toMatchObject([{ outcome: 'SUCCESS', sessionId: onPhone.session.id }])
  expect(revocations[0]?.details).toEqual({ reason: 'revoked', deviceId: id })
})

test("B13: someone else's device and one that never was can't be told apart, and neither ends", async () => {
  const alice = await totpUser()
  const browser = gatehouse.anonymous.with(laptop)
  const trusted = await passFactor(browser, alice.user, totpCode(alice.seed, gatehouse.now()), true)
  const [device] = await devicesOf(trusted.client)
  const mallory = await gatehouse.signedInAs(await gatehouse.createUser())
  expect(await devicesOf(mallory)).toEqual([])

  const ids = [device?.id as string, crypto.randomUUID(), 'garbage', '', "'"]
  const answers = await Promise.all(ids.map((id) => mallory.send(RevokeTrustedDeviceDocument, { id })))
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
  expect(answers[0]?.errors?.[0]?.extensions).toEqual({ code: 'NOT_FOUND' })
  expect(await loginKind(browser, alice.user, trusted.deviceToken)).toBe('SignedIn')
})

test('B13: of a device token only a hash is stored', async () => {
  const { user, seed } = await totpUser()
  const code = totpCode(seed, gatehouse.now())
  const answer = await passFactor(gatehouse.anonymous.with(laptop), user, code, true)
  const token = answer.deviceToken as string
  const [row] = await gatehouse.sql`SELECT token_hash, tag FROM trusted_devices WHERE user_id = ${user.id}`
  const dump = await dumpOf(gatehouse.sql)
  expect(occursIn(dump, row?.token_hash)).toBe(true) // so the dump would show the token
  const secretPart = token.slice('gtd_'.length + row?.tag.length)
  expect(dump).not.toContain(secretPart)
  await expectUnharmed(gatehouse, { secrets: [token, token.slice('gtd_'.length), secretPart, seed] })
})
