import { afterAll, beforeAll, expect, test } from 'vitest'
import { mailboxBudgets } from '../../src/budgets/budget.ts'
import { expectUnharmed } from '../support/attack.ts'
import {
  ChangeEmailDocument,
  ChangePasswordDocument,
  MeDocument,
  RegisterDocument,
  SecurityEventsDocument,
} from '../support/documents.generated.ts'
import { confirmationTokenTo, type Gatehouse, startGatehouse, testPassword } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import {
  confirmEmail,
  freshlyProved,
  loginOutcome,
  mailedResetToken,
  newestTokenTo,
  resetPassword,
  subjectsTo,
} from '../support/recovery.ts'
import { roundsOf } from '../support/rounds.ts'
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

test('E11: a stolen session without a fresh proof changes no address, and nobody gets mail', async () => {
  const user = await gatehouse.createUser()
  const newEmail = `thief-${user.email}`
  const session = await gatehouse.signedInAs(user)
  const { extensions } = await session.refused(ChangeEmailDocument, { newEmail })
  expect(extensions).toEqual({ code: 'STEP_UP_REQUIRED', methods: ['PASSWORD'] })

  const withFactor = await gatehouse.createUser()
  await gatehouse.giveTotp(withFactor)
  const byPassword = await freshlyProved(gatehouse, withFactor)
  expect((await byPassword.refused(ChangeEmailDocument, { newEmail })).extensions.code).toBe('STEP_UP_REQUIRED')
  await mailedResetToken(gatehouse, await gatehouse.createUser()) // what was queued before has gone out too
  for (const address of [user.email, withFactor.email, newEmail]) expect(await gatehouse.mailTo(address)).toEqual([])
  expect(countTypes(await historyOf(gatehouse, user))).toEqual({ ACCESS_DENIED: 1 })
})

test('E11: until the new mailbox has confirmed, the old address is the one to sign in and to reset with, and it is told', async () => {
  const user = await gatehouse.createUser()
  const newEmail = `new-${user.email}`
  const session = await freshlyProved(gatehouse, user)
  const answer = await session.send(ChangeEmailDocument, { newEmail })
  const token = await newestTokenTo(gatehouse, newEmail)
  expect((await session.ask(MeDocument, {})).me.email).toBe(user.email)
  expect(await loginOutcome(gatehouse.anonymous, newEmail, testPassword)).toBe('INVALID_CREDENTIALS')
  expect(await loginOutcome(gatehouse.anonymous, user.email, testPassword)).toBe('SignedIn')
  const [notice] = await gatehouse.mailTo(user.email)
  expect(notice).toMatchObject({ subject: 'A new email address was asked for' })
  expect(notice?.text).toContain(newEmail)
  expect(notice?.text).not.toMatch(/https?:|#token/)
  await mailedResetToken(gatehouse, user)
  await expectUnharmed(gatehouse, { secrets: [token, testPassword], answers: [answer] })
})

test('E11: with the address go the links mailed to the old one, and every open challenge', async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const newEmail = `new-${user.email}`
  const session = await freshlyProved(gatehouse, user, ['PASSWORD', 'TOTP'])
  await session.ask(ChangeEmailDocument, { newEmail })
  const challengeId = await loginChallenge(gatehouse.anonymous, user)
  const resetToken = await mailedResetToken(gatehouse, user)
  expect(tally([await confirmEmail(gatehouse.anonymous, await newestTokenTo(gatehouse, newEmail))])).toEqual({ OK: 1 })

  const code = totpCode(seed, gatehouse.now())
  expect(tally([await answerChallenge(gatehouse.anonymous, challengeId, code)])).toEqual({ CHALLENGE_EXPIRED: 1 })
  expect(tally([await resetPassword(gatehouse.anonymous, resetToken, 'mallory was here first')])).toEqual({
    TOKEN_INVALID: 1,
  })
  expect(await loginOutcome(gatehouse.anonymous, newEmail, testPassword)).toBe('MfaRequired')
})

test('E11: no request for a reset by the old address outlives the change of it, however they cross', async () => {
  for (let round = 0; round < roundsOf(3); round++) {
    const user = await gatehouse.createUser()
    const newEmail = `new-${user.email}`
    await (await freshlyProved(gatehouse, user)).ask(ChangeEmailDocument, { newEmail })
    const token = await newestTokenTo(gatehouse, newEmail)
    await Promise.all([
      confirmEmail(other.anonymous, token),
      ...[0, 1, 2].map(() =>
        gatehouse.anonymous.sendText(`mutation { requestPasswordReset(email: "${user.email}") { email } }`),
      ),
    ])
    expect(await gatehouse.sql`SELECT FROM password_resets WHERE user_id = ${user.id}`).toHaveLength(0)
  }
})

test('E11: of several requests only the newest can be confirmed, and none after the owner changed the password', async () => {
  const user = await gatehouse.createUser()
  const session = await freshlyProved(gatehouse, user)
  const wanted = ['first', 'second', 'third'].map((word) => `${word}-${user.email}`)
  const tokens: string[] = []
  for (const newEmail of wanted) {
    await session.ask(ChangeEmailDocument, { newEmail })
    tokens.push(await newestTokenTo(gatehouse, newEmail))
  }
  const [first = '', second = '', third = ''] = tokens
  for (const token of [first, second]) {
    expect(tally([await confirmEmail(gatehouse.anonymous, token)])).toEqual({ TOKEN_INVALID: 1 })
  }
  const input = { currentPassword: testPassword, newPassword: 'what the owner chose meanwhile' }
  await session.ask(ChangePasswordDocument, { input })
  expect(tally([await confirmEmail(gatehouse.anonymous, third)])).toEqual({ TOKEN_INVALID: 1 })
  expect(await loginOutcome(gatehouse.anonymous, user.email, input.newPassword)).toBe('SignedIn')
})

test('E11: asking for an address that has an account tells the caller nothing, neither at once nor in their own history', async () => {
  const taken = await gatehouse.createUser()
  const caller = await gatehouse.createUser()
  const session = await freshlyProved(gatehouse, caller)
  const newEmail = `free-${caller.email}`
  for (const address of [taken.email, newEmail]) await session.ask(ChangeEmailDocument, { newEmail: address })
  expect(await subjectsTo(gatehouse, taken.email, 1)).toEqual(['You already have an account'])
  expect((await gatehouse.mailTo(taken.email))[0]?.text).not.toMatch(/#token/)

  const { securityEvents } = await session.ask(SecurityEventsDocument, { first: 10 })
  const [forFree, forTaken] = securityEvents.edges.map(({ node: { id, occurredAt, ...seen } }) => seen)
  expect(forTaken).toEqual(forFree)
  expect((await historyOf(gatehouse, taken)).map(({ type, outcome, actor }) => [type, outcome, actor])).toEqual([
    ['EMAIL_CHANGED', 'DENIED', null],
  ])
})

test('E10: a registration that nobody confirmed stands in nobody’s way, and its link is void', async () => {
  const user = await gatehouse.createUser()
  const newEmail = `squatted-${user.email}`
  const register = () =>
    gatehouse.anonymous.ask(RegisterDocument, { input: { email: newEmail, password: 'what mallory chose' } })
  await register()
  const squatted = await confirmationTokenTo(gatehouse, newEmail)
  expect(await loginOutcome(gatehouse.anonymous, newEmail, 'what mallory chose')).toBe('INVALID_CREDENTIALS')
  await (await freshlyProved(gatehouse, user)).ask(ChangeEmailDocument, { newEmail })
  const token = await newestTokenTo(gatehouse, newEmail, 2)
  const answers = [await confirmEmail(gatehouse.anonymous, token), await confirmEmail(gatehouse.anonymous, squatted)]
  expect(tally(answers)).toEqual({ OK: 1, TOKEN_INVALID: 1 })
  expect(await loginOutcome(gatehouse.anonymous, newEmail, 'what mallory chose')).toBe('INVALID_CREDENTIALS')
  expect(await loginOutcome(gatehouse.anonymous, newEmail, testPassword)).toBe('SignedIn')
  await expectUnharmed(gatehouse, { secrets: [token, squatted], answers })
})

test('E10: an address confirmed by a registration and by a change at once is given to one of them, without a fault', async () => {
  for (let round = 0; round < roundsOf(3); round++) {
    const user = await gatehouse.createUser()
    const newEmail = `raced-${user.email}`
    const input = { email: newEmail, password: testPassword }
    await gatehouse.anonymous.ask(RegisterDocument, { input })
    const registered = await confirmationTokenTo(gatehouse, newEmail)
    await (await freshlyProved(gatehouse, user)).ask(ChangeEmailDocument, { newEmail })
    const changed = await newestTokenTo(gatehouse, newEmail, 2)
    const [again, ...answers] = await Promise.all([
      gatehouse.anonymous.send(RegisterDocument, { input }),
      ...(await atOnce(2, [registered, changed], async (token) => token)).map((token) =>
        confirmEmail(other.anonymous, token),
      ),
    ])
    expect(again?.errors).toBeUndefined()
    expect(tally(answers)).toEqual({ OK: 1, TOKEN_INVALID: 1 })
  }
})

test('E11: mail to one mailbox is capped, whoever asks, and the caller can not tell', async () => {
  const target = 'e11-flooded@example.com'
  const answers = []
  const { limit } = mailboxBudgets.confirmations
  for (let turn = 0; turn < limit + 3; turn++) {
    const session = await freshlyProved(gatehouse, await gatehouse.createUser())
    answers.push(await session.send(ChangeEmailDocument, { newEmail: target }))
  }
  expect(tally(answers)).toEqual({ OK: limit + 3 })
  await mailedResetToken(gatehouse, await gatehouse.createUser()) // what was queued before has gone out too
  expect(await gatehouse.mailTo(target)).toHaveLength(limit)
})
