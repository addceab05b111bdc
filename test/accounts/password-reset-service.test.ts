import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  MeDocument,
  MyMfaDocument,
  RegisterDocument,
  RequestPasswordResetDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, testPassword } from '../support/gatehouse.ts'
import { countTypes, eventsWhere, historyOf } from '../support/history.ts'
import { tally } from '../support/race.ts'
import { loginOutcome, mailedResetToken, resetPassword, subjectsTo } from '../support/recovery.ts'
import { answerChallenge, completeChallenge } from '../support/second-factor.ts'
import { totpCode, wrongTotpCode } from '../support/totp.ts'

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
const reset = (token: string, chosen = newPassword) => resetPassword(gatehouse.anonymous, token, chosen)

/** Resets the password of somebody with a second factor, as far as the challenge. */
const challengeOfReset = async (token: string): Promise<string> => {
  const { data, text } = await reset(token)
  if (data?.resetPassword.__typename !== 'MfaRequired') throw new Error(text)
  expect(data.resetPassword.challenge).toMatchObject({ purpose: 'PASSWORD_RESET', methods: ['TOTP'] })
  return data.resetPassword.challenge.id
}

test('a forgotten password is replaced by the link in the mail; every session ends and nobody is signed in', async () => {
  const user = await gatehouse.createUser()
  const sessions = [await gatehouse.signedInAs(user), await gatehouse.signedInAs(user)]
  for (const { token } of sessions) await other.clientWith(token).ask(MeDocument, {})
  const { requestPasswordReset } = await gatehouse.anonymous.ask(RequestPasswordResetDocument, {
    email: user.email.toUpperCase(),
  })
  const lifetime = new Date(requestPasswordReset.expiresAt).getTime() - gatehouse.now().getTime()
  expect(Math.abs(lifetime - 15 * 60_000)).toBeLessThan(5_000)
  const token = await mailedResetToken(gatehouse, user, 1)

  const { data } = await reset(token)
  expect(data?.resetPassword).toEqual({ __typename: 'PasswordChanged', endedSessions: 2, sessionToken: null })
  for (const session of sessions) {
    const { extensions } = await other.clientWith(session.token).refused(MeDocument, {})
    expect(extensions).toEqual({ code: 'SESSION_ENDED', reason: 'PASSWORD_CHANGED' })
  }
  expect(await gatehouse.sql`SELECT FROM user_sessions WHERE user_id = ${user.id} AND ended_at IS NULL`).toHaveLength(0)
  expect(await loginOutcome(gatehouse.anonymous, user.email, testPassword)).toBe('INVALID_CREDENTIALS')
  expect(await loginOutcome(gatehouse.anonymous, user.email, newPassword)).toBe('SignedIn')
  expect((await subjectsTo(gatehouse, user.email, 3)).slice(1)).toEqual([
    'Reset your password',
    'Your password was changed',
  ])
  expect(countTypes(await historyOf(gatehouse, user))).toEqual({
    PASSWORD_RESET_REQUESTED: 2,
    PASSWORD_RESET_COMPLETED: 1,
    SESSION_REVOKED: 2,
    LOGIN_FAILED: 1,
    LOGIN_SUCCEEDED: 1,
    SESSION_CREATED: 1,
  })
})

test('the mail says when and from where, and its link leads to the page with the token behind a #', async () => {
  const user = await gatehouse.createUser()
  const token = await mailedResetToken(gatehouse, user)
  const [mail] = await gatehouse.mailTo(user.email)
  expect(mail?.text).toContain(`/reset-password#token=${token}`)
  expect(mail?.text).toMatch(/\d{4}-\d\d-\d\dT[\d:.]+Z from the network address 127\.0\.0\.1/)
})

test('a link works until 15 minutes have passed, and not a second longer', async () => {
  const users = [await gatehouse.createUser(), await gatehouse.createUser()] as const
  const [inTime, late] = [await mailedResetToken(gatehouse, users[0]), await mailedResetToken(gatehouse, users[1])]
  const later = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
  try {
    later.advanceClock(15 * 60 - 10)
    expect(tally([await resetPassword(later.anonymous, inTime, newPassword)])).toEqual({ OK: 1 })
    later.advanceClock(10)
    expect(tally([await resetPassword(later.anonymous, late, newPassword)])).toEqual({ TOKEN_INVALID: 1 })
  } finally {
    await later.close()
  }
})

test('a password that will not do is refused with its reason and spends nothing', async () => {
  const user = await gatehouse.createUser({ email: 'grace.murray@example.com' })
  const token = await mailedResetToken(gatehouse, user)
  for (const chosen of ['short', 'password123', 'Grace.Murray1']) {
    const { errors } = await reset(token, chosen)
    expect(errors?.[0]?.extensions).toEqual({ code: 'PASSWORD_REJECTED', reasons: [expect.any(String)] })
  }
  expect(tally([await reset(token)])).toEqual({ OK: 1 })
})

test('a reset opens the locks that wrong passwords put on sign-in', async () => {
  const user = await gatehouse.createUser()
  for (let turn = 0; turn < 10; turn++) await loginOutcome(gatehouse.anonymous, user.email, `guess ${turn}`)
  expect(await loginOutcome(gatehouse.anonymous, user.email, testPassword)).toBe('ACCOUNT_LOCKED')
  const token = await mailedResetToken(gatehouse, user)
  expect(tally([await reset(token)])).toEqual({ OK: 1 })
  expect(await loginOutcome(gatehouse.anonymous, user.email, newPassword)).toBe('SignedIn')
  const unlocked = (await historyOf(gatehouse, user)).filter(({ type }) => type === 'ACCOUNT_UNLOCKED')
  expect(unlocked).toMatchObject([{ outcome: 'SUCCESS', details: { by: 'reset' } }])
})

test('with a second factor the password changes once its challenge is answered, and not before', async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const session = await gatehouse.signedInAs(user)
  const challengeId = await challengeOfReset(await mailedResetToken(gatehouse, user))
  await session.ask(MeDocument, {})
  expect(await loginOutcome(gatehouse.anonymous, user.email, newPassword)).toBe('INVALID_CREDENTIALS')

  const wrong = await answerChallenge(gatehouse.anonymous, challengeId, wrongTotpCode(seed, gatehouse.now()))
  expect(tally([wrong])).toEqual({ MFA_CODE_INVALID: 1 })
  const code = totpCode(seed, gatehouse.now())
  const changed = await completeChallenge(gatehouse.anonymous, challengeId, code, 'PasswordChanged')
  expect(changed).toMatchObject({ endedSessions: 1, sessionToken: null })
  expect((await session.refused(MeDocument, {})).extensions.code).toBe('SESSION_ENDED')
  expect(await loginOutcome(gatehouse.anonymous, user.email, testPassword)).toBe('INVALID_CREDENTIALS')
  expect(await loginOutcome(gatehouse.anonymous, user.email, newPassword)).toBe('MfaRequired')
  expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({
    PASSWORD_RESET_REQUESTED: 1,
    MFA_SUCCEEDED: 1,
    PASSWORD_RESET_COMPLETED: 1,
    SESSION_REVOKED: 1,
  })
})

test('a reset whose challenge nobody answers leaves the password as it was', async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const token = await mailedResetToken(gatehouse, user)
  const challengeId = await challengeOfReset(token)
  expect(tally([await reset(token)])).toEqual({ TOKEN_INVALID: 1 })
  const later = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
  try {
    later.advanceClock(10 * 60)
    const code = totpCode(seed, later.now())
    expect(tally([await answerChallenge(later.anonymous, challengeId, code)])).toEqual({ CHALLENGE_EXPIRED: 1 })
  } finally {
    await later.close()
  }
  expect(await loginOutcome(gatehouse.anonymous, user.email, testPassword)).toBe('MfaRequired')
})

test('after a reset the session of a fresh sign-in has the factors that there were', async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const challengeId = await challengeOfReset(await mailedResetToken(gatehouse, user))
  await completeChallenge(gatehouse.anonymous, challengeId, totpCode(seed, gatehouse.now()), 'PasswordChanged')
  const session = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'])
  expect((await session.ask(MyMfaDocument, {})).me.mfa).toMatchObject({
    enabled: true,
    factors: [{ method: 'TOTP', status: 'ACTIVE' }],
  })
})

test('an address that is unknown, or not confirmed yet, is asked for in the log and gets no mail', async () => {
  const [unknown, pending] = ['reset-unknown@example.com', 'reset-pending@example.com']
  await gatehouse.anonymous.ask(RegisterDocument, { input: { email: pending, password: testPassword } })
  await subjectsTo(gatehouse, pending, 1)
  for (const email of [unknown, pending]) await gatehouse.anonymous.ask(RequestPasswordResetDocument, { email })
  await mailedResetToken(gatehouse, await gatehouse.createUser()) // what was queued before has gone out too
  expect(await gatehouse.mailTo(unknown)).toEqual([])
  expect(await gatehouse.mailTo(pending)).toHaveLength(1)
  expect(await gatehouse.sql`SELECT FROM outgoing_messages WHERE recipient = ${unknown}`).toHaveLength(0)
  const denied = await eventsWhere(gatehouse, { types: ['PASSWORD_RESET_REQUESTED'], outcomes: ['DENIED'] })
  expect(denied.map(({ user, details }) => [user, details])).toEqual([
    [null, { reason: 'unknown address' }],
    [null, { reason: 'unknown address' }],
  ])
})
