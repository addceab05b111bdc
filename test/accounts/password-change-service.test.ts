import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Answer, Client } from '../support/client.ts'
import {
  ChangeEmailDocument,
  ChangePasswordDocument,
  LoginDocument,
  MeDocument,
  ReauthenticateDocument,
  RequestPasswordResetDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, testPassword } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import {
  confirmEmail,
  freshlyProved,
  loginOutcome,
  newestTokenTo,
  resetPassword,
  subjectsTo,
} from '../support/recovery.ts'
import { answerChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

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

const newPassword = 'seventeen green bottles'
const change = (client: Client, currentPassword: string = testPassword, chosen = newPassword) =>
  client.send(ChangePasswordDocument, { input: { currentPassword, newPassword: chosen } })
const reauthenticate = (client: Client, password: string = testPassword) =>
  client.send(ReauthenticateDocument, { password })

test('a new password replaces the old one and the token of the caller, whose other sessions end on every server', async () => {
  const user = await gatehouse.createUser()
  const session = await freshlyProved(gatehouse, user)
  const others = [await gatehouse.signedInAs(user), await gatehouse.signedInAs(user)]
  for (const { token } of others) await other.clientWith(token).ask(MeDocument, {})

  const { data } = await change(session)
  expect(data?.changePassword.endedSessions).toBe(2)
  for (const { token } of others) {
    const { extensions } = await other.clientWith(token).refused(MeDocument, {})
    expect(extensions).toEqual({ code: 'SESSION_ENDED', reason: 'PASSWORD_CHANGED' })
  }
  for (const server of [gatehouse, other]) {
    expect((await server.clientWith(session.token).refused(MeDocument, {})).extensions.code).toBe('UNAUTHENTICATED')
    await server.clientWith(data?.changePassword.sessionToken ?? '').ask(MeDocument, {})
  }
  expect(await loginOutcome(gatehouse.anonymous, user.email, testPassword)).toBe('INVALID_CREDENTIALS')
  expect(await loginOutcome(gatehouse.anonymous, user.email, newPassword)).toBe('SignedIn')
  expect(await subjectsTo(gatehouse, user.email, 1)).toEqual(['Your password was changed'])
  const history = await historyOf(gatehouse, user)
  expect(countTypes(history)).toMatchObject({ PASSWORD_CHANGED: 1, SESSION_REVOKED: 2 })
  expect(history.find(({ type }) => type === 'PASSWORD_CHANGED')).toMatchObject({
    outcome: 'SUCCESS',
    sessionId: session.sessionId,
  })
})

test('D4: with the old password go trusted devices, open challenges and mailed tokens', async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const code = totpCode(seed, gatehouse.now())
  const input = { challengeId: await loginChallenge(gatehouse.anonymous, user), code, trustDevice: true }
  const { verifyMfa } = await gatehouse.anonymous.ask(VerifyMfaDocument, { input })
  const deviceToken = verifyMfa.__typename === 'SignedIn' ? verifyMfa.deviceToken : null
  expect(deviceToken).toMatch(/^gtd_/)
  const open = await loginChallenge(gatehouse.anonymous, user)
  const session = await freshlyProved(gatehouse, user, ['PASSWORD', 'TOTP'])
  await gatehouse.anonymous.ask(RequestPasswordResetDocument, { email: user.email })
  const resetToken = await newestTokenTo(gatehouse, user.email)
  const newEmail = `new-${user.email}`
  await session.ask(ChangeEmailDocument, { newEmail })
  const emailToken = await newestTokenTo(gatehouse, newEmail)

  expect(tally([await change(session)])).toEqual({ OK: 1 })
  expect(tally([await answerChallenge(gatehouse.anonymous, open, code)])).toEqual({ CHALLENGE_EXPIRED: 1 })
  expect(tally([await resetPassword(gatehouse.anonymous, resetToken, 'yet another fine one')])).toEqual({
    TOKEN_INVALID: 1,
  })
  expect(tally([await confirmEmail(gatehouse.anonymous, emailToken)])).toEqual({ TOKEN_INVALID: 1 })
  const { login } = await gatehouse.anonymous.ask(LoginDocument, {
    input: { email: user.email, password: newPassword, deviceToken },
  })
  expect(login.__typename).toBe('MfaRequired')
  const revoked = (await historyOf(gatehouse, user)).filter(({ type }) => type === 'DEVICE_TRUST_REVOKED')
  expect(revoked).toMatchObject([{ details: { reason: 'password changed', devices: 1 } }])
})

test('a password is changed after a fresh proof only: by the password, or by the factor of one who has one', async () => {
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  const [refusal] = (await change(session)).errors ?? []
  expect(refusal?.extensions).toEqual({ code: 'STEP_UP_REQUIRED', methods: ['PASSWORD'] })
  const { reauthenticate: raised } = await session.ask(ReauthenticateDocument, { password: testPassword })
  expect(raised.session).toMatchObject({ id: session.sessionId, assurance: 'AAL1' })
  expect(new Date(raised.session.elevatedUntil ?? 0).getTime()).toBeGreaterThan(gatehouse.now().getTime() + 290_000)
  expect((await session.refused(MeDocument, {})).extensions.code).toBe('UNAUTHENTICATED')
  expect(tally([await change(gatehouse.clientWith(raised.sessionToken))])).toEqual({ OK: 1 })
  expect(countTypes(await historyOf(gatehouse, user))).toEqual({
    ACCESS_DENIED: 1,
    STEP_UP_SUCCEEDED: 1,
    PASSWORD_CHANGED: 1,
  })

  const withFactor = await gatehouse.createUser()
  await gatehouse.giveTotp(withFactor)
  const byPassword = await freshlyProved(gatehouse, withFactor)
  for (const { errors } of [await change(byPassword), await reauthenticate(byPassword)]) {
    expect(errors?.[0]?.extensions).toEqual({
      code: 'STEP_UP_REQUIRED',
      methods: ['TOTP'],
      challengeId: expect.any(String),
    })
  }
  const byFactor = await freshlyProved(gatehouse, withFactor, ['PASSWORD', 'TOTP'])
  expect(tally([await reauthenticate(byFactor)])).toEqual({ CONFLICT: 1 })
  expect(tally([await change(byFactor)])).toEqual({ OK: 1 })
})

test('a new password that will not do, and a current one that can not be, cost no try and change nothing', async () => {
  const user = await gatehouse.createUser({ email: 'grace.hopper@example.com' })
  const session = await freshlyProved(gatehouse, user)
  for (const chosen of ['short', 'password123', 'Grace.Hopper1']) {
    const { errors } = await change(session, 'wrong', chosen)
    expect(errors?.[0]?.extensions).toEqual({ code: 'PASSWORD_REJECTED', reasons: [expect.any(String)] })
  }
  const tooLong = 'x'.repeat(129)
  const refused = [await change(session, tooLong), await reauthenticate(session, tooLong)]
  expect(refused.map(({ errors }) => errors?.[0]?.extensions.fields)).toEqual([
    [{ path: 'input.currentPassword', message: 'has at most 128 characters' }],
    [{ path: 'password', message: 'has at most 128 characters' }],
  ])
  expect(countTypes(await historyOf(gatehouse, user))).toEqual({})
  expect(await gatehouse.sql`SELECT FROM attempt_budgets WHERE subject LIKE ${`%${user.id}%`}`).toHaveLength(0)
})

test('a wrong password changes and raises nothing, and each is one failure of its act', async () => {
  const user = await gatehouse.createUser()
  const session = await freshlyProved(gatehouse, user)
  expect(tally([await change(session, 'wrong'), await reauthenticate(session, 'wrong')])).toEqual({
    INVALID_CREDENTIALS: 2,
  })
  expect((await historyOf(gatehouse, user)).map(({ type, outcome, details }) => [type, outcome, details])).toEqual([
    ['PASSWORD_CHANGED', 'FAILURE', { reason: 'wrong password' }],
    ['STEP_UP_SUCCEEDED', 'FAILURE', { reason: 'wrong password' }],
  ])
  await session.ask(MeDocument, {})
})

test('B9: ten wrong passwords, over all sessions, servers and acts, are looked at; then the owner alone is told, for a quarter of an hour', async () => {
  const user = await gatehouse.createUser()
  const stolen = await freshlyProved(gatehouse, user)
  const second = await gatehouse.signedInAs(user)
  const clients = [stolen, other.clientWith(second.token), other.clientWith(stolen.token)]
  const answers = await atOnce(
    60,
    clients,
    (client, turn): Promise<Answer<unknown>> =>
      turn % 3 === 0 ? change(client, `guess ${turn}`) : reauthenticate(client, `guess ${turn}`),
  )
  expect(tally(answers)).toEqual({ INVALID_CREDENTIALS: 10, ACCOUNT_LOCKED: 50 })
  const late = (await change(stolen)).errors?.[0]?.extensions
  expect(late).toEqual({ code: 'ACCOUNT_LOCKED', retryAfterSeconds: expect.any(Number) })
  const counts = countTypes(await historyOf(gatehouse, user))
  expect(counts).toMatchObject({ ACCOUNT_LOCKED: 1, RATE_LIMITED: 51 })
  expect((counts.PASSWORD_CHANGED ?? 0) + (counts.STEP_UP_SUCCEEDED ?? 0)).toBe(10)
  expect(await subjectsTo(gatehouse, user.email, 1)).toEqual(['Your account is locked for a while'])
  expect(await loginOutcome(gatehouse.anonymous, user.email, testPassword)).toBe('SignedIn')

  const later = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
  try {
    later.advanceClock(Number(late?.retryAfterSeconds) + 1)
    expect(tally([await reauthenticate(later.clientWith(second.token))])).toEqual({ OK: 1 })
  } finally {
    await later.close()
  }
})

test('B9: a right password uses no try up', async () => {
  const session = await gatehouse.signedInAs(await gatehouse.createUser())
  let { token } = session
  for (let turn = 0; turn < 12; turn++) {
    const { data } = await reauthenticate(gatehouse.clientWith(token))
    token = data?.reauthenticate.sessionToken ?? ''
  }
  await gatehouse.clientWith(token).ask(MeDocument, {})
})

test('of many changes at once from sessions of one user on two servers, one is made', async () => {
  const user = await gatehouse.createUser()
  const sessions = await atOnce(4, [gatehouse, other], (server) => freshlyProved(server, user))
  const clients = sessions.map((session, turn) => (turn % 2 ? other : gatehouse).clientWith(session.token))
  const answers = await atOnce(20, clients, (client, turn) => change(client, testPassword, `${newPassword} ${turn}`))
  expect(tally(answers).OK).toBe(1)
  const winner = answers.findIndex(({ errors }) => !errors)
  expect(await loginOutcome(gatehouse.anonymous, user.email, `${newPassword} ${winner}`)).toBe('SignedIn')
  const history = await historyOf(gatehouse, user)
  const changes = history.filter(({ type, outcome }) => type === 'PASSWORD_CHANGED' && outcome === 'SUCCESS')
  expect(changes).toHaveLength(1)
  expect(countTypes(history).SESSION_REVOKED).toBe(3)
})
