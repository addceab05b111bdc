import { afterAll, beforeAll, expect, test } from 'vitest'
import { mailboxBudgets } from '../../src/budgets/budget.ts'
import { expectUnharmed } from '../support/attack.ts'
import type { Answer } from '../support/client.ts'
import {
  ChangeEmailDocument,
  ConfirmEmailDocument,
  LoginDocument,
  RegisterDocument,
  RequestPasswordResetDocument,
} from '../support/documents.generated.ts'
import { confirmationTokenTo, eventually, type Gatehouse, startGatehouse, testPassword } from '../support/gatehouse.ts'
import { countTypes, eventsWhere, historyOf } from '../support/history.ts'
import { freshlyProved, mailedResetToken, resetPassword, subjectsTo } from '../support/recovery.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

/** All that a caller sees of an answer, less what is new in every answer. */
const seen = ({ status, headers, text }: Answer<unknown>) => ({
  status,
  headers: [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id'),
  text: text.replace(/"expiresAt":"[^"]+"/, '"expiresAt":…'),
})

const expectAllAlike = (answers: readonly Answer<unknown>[]) => {
  for (const answer of answers) expect(seen(answer)).toEqual(seen(answers[0] as Answer<unknown>))
}

const register = (email: string) =>
  gatehouse.anonymous.send(RegisterDocument, { input: { email, password: testPassword } })

const askForReset = (email: string) => gatehouse.anonymous.send(RequestPasswordResetDocument, { email })

/** An answer less the address that was asked about, which it repeats. */
const withoutAddress = <Data>(answer: Answer<Data>): Answer<Data> => {
  const headers = new Headers(answer.headers)
  headers.delete('content-length')
  return { ...answer, headers, text: answer.text.replace(/"email":"[^"]+"/, '"email":…') }
}

test('E1: a failed login answers alike for a known, an unknown, an unconfirmed and a second-factor address', async () => {
  const known = await gatehouse.createUser()
  const withFactor = await gatehouse.createUser()
  await gatehouse.giveTotp(withFactor)
  await register('e1-unconfirmed@example.com')

  const wrong = 'not the password of anyone'
  const inputs = [
    { email: known.email, password: wrong },
    { email: known.email.toUpperCase(), password: wrong },
    { email: withFactor.email, password: wrong },
    { email: 'e1-unknown@example.com', password: testPassword },
    { email: 'e1-unconfirmed@example.com', password: testPassword },
  ]
  const answers = await Promise.all(inputs.map((input) => gatehouse.anonymous.send(LoginDocument, { input })))
  expectAllAlike(answers)
  expect(answers[0]?.errors?.[0]?.extensions).toEqual({ code: 'INVALID_CREDENTIALS' })

  const failures = await eventsWhere(gatehouse, { types: ['LOGIN_FAILED'] })
  expect(failures.map(({ details, user }) => [details.reason, user?.email ?? null]).sort()).toEqual(
    [
      ['wrong password', known.email],
      ['wrong password', known.email],
      ['wrong password', withFactor.email],
      ['unknown address', null],
      ['address not confirmed', 'e1-unconfirmed@example.com'],
    ].sort(),
  )
  await expectUnharmed(gatehouse, { secrets: [wrong, testPassword], answers })
})

test('E1: registering answers alike for a new, a pending and a taken address', async () => {
  const email = 'e1-registered@example.com'
  const fresh = await register(email)
  const pending = await register(email)
  const token = await confirmationTokenTo(gatehouse, email)
  const { confirmEmail } = await gatehouse.anonymous.ask(ConfirmEmailDocument, { input: { token } })
  const taken = await register(email)
  expectAllAlike([fresh, pending, taken])
  expect(fresh.data?.register.email).toBe(email)

  const mails = await eventually(async () => {
    const sent = await gatehouse.mailTo(email)
    return sent.length === 3 && sent
  })
  expect(mails.map(({ text }) => text.includes('#token='))).toEqual([false, true, true])
  const history = await historyOf(gatehouse, confirmEmail.user)
  expect(history.filter(({ type }) => type === 'ACCOUNT_REGISTERED').map(({ outcome }) => outcome)).toEqual([
    'SUCCESS',
    'SUCCESS',
    'FAILURE',
  ])
  await expectUnharmed(gatehouse, { secrets: [testPassword, token], answers: [fresh, pending, taken] })
})

test('E1: beyond what one mailbox may get, registering and asking for a reset answer as before', async () => {
  const user = await gatehouse.createUser()
  const [taken, fresh, unknown] = [user.email, 'e1-insistent@example.com', 'e1-insistent-stranger@example.com']
  const registered: Answer<unknown>[] = []
  const asked: Answer<unknown>[] = []
  const turns = mailboxBudgets.confirmations.limit + 2
  for (let turn = 0; turn < turns; turn++) {
    for (const email of [taken, fresh]) registered.push(withoutAddress(await register(email)))
    for (const email of [taken, unknown]) asked.push(withoutAddress(await askForReset(email)))
  }
  expectAllAlike(registered)
  expectAllAlike(asked)
  await mailedResetToken(gatehouse, await gatehouse.createUser()) // what was queued before has gone out too
  const mails = await Promise.all([taken, fresh, unknown].map((email) => gatehouse.mailTo(email)))
  const { confirmations, resets } = mailboxBudgets
  expect(mails.map(({ length }) => length)).toEqual([confirmations.limit + resets.limit, confirmations.limit, 0])
  const { PASSWORD_RESET_REQUESTED, ACCOUNT_REGISTERED } = countTypes(await historyOf(gatehouse, user))
  expect([PASSWORD_RESET_REQUESTED, ACCOUNT_REGISTERED]).toEqual([turns, turns])
})

test('E1: asking for a reset answers alike for a known, an unknown, an unconfirmed and a second-factor address', async () => {
  const known = await gatehouse.createUser()
  const withFactor = await gatehouse.createUser()
  await gatehouse.giveTotp(withFactor)
  await register('e1-half@example.com')
  const addresses = [known.email, withFactor.email, 'e1-stranger@example.com', 'e1-half@example.com']
  const answers = await Promise.all(addresses.map(askForReset))
  expect(answers.map(({ data }) => data?.requestPasswordReset.email)).toEqual(addresses)
  expectAllAlike(answers.map(withoutAddress))
  for (const { email } of [known, withFactor]) await subjectsTo(gatehouse, email, 1)
  await expectUnharmed(gatehouse, { secrets: [testPassword], answers })
})

test('E1: asking for another address answers alike for a free, a taken and an unconfirmed one', async () => {
  const session = await freshlyProved(gatehouse, await gatehouse.createUser())
  const taken = await gatehouse.createUser()
  await register('e1-pending@example.com')
  const addresses = ['e1-free@example.com', taken.email, taken.email.toUpperCase(), 'e1-pending@example.com']
  const answers: Answer<unknown>[] = []
  for (const newEmail of addresses) answers.push(withoutAddress(await session.send(ChangeEmailDocument, { newEmail })))
  expectAllAlike(answers)
  expect(answers[0]?.errors).toBeUndefined()
  await expectUnharmed(gatehouse, { secrets: [testPassword], answers })
})

test('E1: a wrong, a used, a replaced and an expired reset token answer alike', async () => {
  const [used, replaced, expired] = await Promise.all(
    [1, 2, 3].map(async () => mailedResetToken(gatehouse, await gatehouse.createUser())),
  )
  const owner = await gatehouse.createUser()
  const older = await mailedResetToken(gatehouse, owner)
  await mailedResetToken(gatehouse, owner, 1)
  await resetPassword(gatehouse.anonymous, used ?? '', 'a fine new passphrase')
  gatehouse.advanceClock(15 * 60 + 1)
  const tokens = [used ?? '', replaced ?? '', expired ?? '', older, 'A'.repeat(43), '', "'"]
  const answers = await Promise.all(tokens.map((token) => resetPassword(gatehouse.anonymous, token, 'any passphrase')))
  expectAllAlike(answers)
  expect(answers[0]?.errors?.[0]?.extensions).toEqual({ code: 'TOKEN_INVALID' })
  await expectUnharmed(gatehouse, { secrets: [...tokens.slice(0, 4), testPassword], answers })
})

test('E1: a wrong, a used and an expired confirmation token answer alike', async () => {
  const used = await mailedToken('e1-used@example.com')
  await gatehouse.anonymous.ask(ConfirmEmailDocument, { input: { token: used } })
  const expired = await mailedToken('e1-expired@example.com')
  gatehouse.advanceClock(24 * 3600 + 1)
  const answers = await Promise.all(
    [used, expired, 'A'.repeat(43), '', "'"].map((token) =>
      gatehouse.anonymous.send(ConfirmEmailDocument, { input: { token } }),
    ),
  )
  expectAllAlike(answers)
  expect(answers[0]?.errors?.[0]?.extensions).toEqual({ code: 'TOKEN_INVALID' })
  await expectUnharmed(gatehouse, { secrets: [used, expired], answers })
})

test('E4: without the right password nobody learns of a second factor, and no challenge opens', async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const guesses = ['', 'wrong', `${user.password} `, user.password.toUpperCase(), seed, user.password.slice(0, -1)]
  const answers = await Promise.all(
    guesses.map((password) => gatehouse.anonymous.send(LoginDocument, { input: { email: user.email, password } })),
  )
  expectAllAlike(answers)
  expect(answers[0]?.errors?.[0]?.extensions).toEqual({ code: 'INVALID_CREDENTIALS' })
  expect(countTypes(await historyOf(gatehouse, user))).toEqual({ LOGIN_FAILED: guesses.length })
  await expectUnharmed(gatehouse, { secrets: [user.password, seed], answers })
})

const mailedToken = async (email: string): Promise<string> => {
  await register(email)
  return confirmationTokenTo(gatehouse, email)
}
