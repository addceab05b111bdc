import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import type { Answer } from '../support/client.ts'
import { ConfirmEmailDocument, LoginDocument, RegisterDocument } from '../support/documents.generated.ts'
import { confirmationTokenTo, eventually, type Gatehouse, startGatehouse, testPassword } from '../support/gatehouse.ts'
import { countTypes, eventsWhere, historyOf } from '../support/history.ts'

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
