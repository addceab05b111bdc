import { dictionary } from '@zxcvbn-ts/language-common'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { passwordProblems } from '../../src/accounts/password.ts'
import { LoginDocument, RegisterDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const signIn = (email: string, password: string) =>
  gatehouse.anonymous.send(LoginDocument, { input: { email, password } })

const register = (password: string, email = 'grace.hopper@example.com', displayName: string | null = null) =>
  gatehouse.anonymous.send(RegisterDocument, { input: { email, password, displayName } })

const expectSignIn = async (email: string, password: string) =>
  expect((await signIn(email, password)).data?.login.__typename).toBe('SignedIn')

const expectRejected = async (...form: Parameters<typeof register>) => {
  const { errors } = await register(...form)
  expect(errors?.[0]?.extensions).toMatchObject({
    code: 'PASSWORD_REJECTED',
    reasons: expect.arrayContaining([expect.any(String)]),
  })
}
const expectTaken = async (...form: Parameters<typeof register>) =>
  expect((await register(...form)).errors).toBeUndefined()

describe('G2 bcrypt stops reading after 72 bytes', () => {
  test.each([
    ['ASCII', 'a1'.repeat(36)],
    ['multi-byte', 'é'.repeat(36)],
  ])('G2 passwords that share their first 72 bytes (%s) are not the same', async (_name, shared) => {
    const { email } = await gatehouse.createUser({ password: `${shared}right` })
    expect((await signIn(email, `${shared}wrong`)).errors?.[0]?.extensions.code).toBe('INVALID_CREDENTIALS')
    expect((await signIn(email, shared)).errors?.[0]?.extensions.code).toBe('INVALID_CREDENTIALS')
    await expectSignIn(email, `${shared}right`)
  })
})

describe('G3 one password, however it is typed', () => {
  test('G3 a password chosen in NFC signs in typed in NFD, and the other way round', async () => {
    const composed = 'Crème brûlée à Málaga'.normalize('NFC')
    for (const [chosen, typed] of [
      [composed, composed.normalize('NFD')],
      [composed.normalize('NFD'), composed],
    ] as const) {
      const { email } = await gatehouse.createUser({ password: chosen })
      await expectSignIn(email, typed)
    }
  })

  test('G3 the longest password allowed signs in typed in NFD', async () => {
    const longest = 'é'.normalize('NFC').repeat(127).concat('1')
    await expectTaken(longest.normalize('NFD'))
    const { email } = await gatehouse.createUser({ password: longest })
    await expectSignIn(email, longest.normalize('NFD'))
  })

  test('G3 length is counted in characters, not in bytes or UTF-16 units', async () => {
    const animals = [...'🦊🦉🐢🐙🦔🐝🐬🦩']
    await expectRejected(animals.slice(0, 7).join(''))
    await expectTaken(animals.join(''))
    await expectTaken(animals.join('').repeat(16))
    await expectRejected(`${animals.join('').repeat(16)}🦊`)
  })

  test('G3 letter case and spaces are part of the password', async () => {
    const { email } = await gatehouse.createUser({ password: ' Two  Spaces here ' })
    for (const other of [' two  spaces here ', 'Two  Spaces here', ' Two Spaces here '])
      expect((await signIn(email, other)).errors?.[0]?.extensions.code).toBe('INVALID_CREDENTIALS')
    await expectSignIn(email, ' Two  Spaces here ')
  })
})

describe('G4 giant passwords', () => {
  test('G4 100 passwords of 1 MB at once are refused without a hash', async () => {
    const { email } = await gatehouse.createUser()
    const answers = await Promise.all(Array.from({ length: 100 }, () => signIn(email, 'x'.repeat(1_000_000))))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([413]))
  })

  test('G4 what can not be hashed in time is refused with RATE_LIMITED; what is too long to be a password costs no hash', async () => {
    const guesses = Array.from({ length: 800 }, (_none, n) =>
      signIn(`nobody-${n}@example.com`, 'a guess of a password'),
    )
    const giants = Array.from({ length: 20 }, () => signIn('nobody@example.com', 'x'.repeat(20_000)))
    const answers = await Promise.all(guesses)
    expect(new Set(answers.map(({ errors }) => errors?.[0]?.extensions.code))).toEqual(
      new Set(['INVALID_CREDENTIALS', 'RATE_LIMITED']),
    )
    for (const { status, headers, errors } of answers) {
      if (errors?.[0]?.extensions.code !== 'RATE_LIMITED') continue
      expect([status, headers.get('retry-after')]).toEqual([429, String(errors[0].extensions.retryAfterSeconds)])
    }
    for (const { errors } of await Promise.all(giants)) expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')
  })
})

describe('G9 password policy', () => {
  const common = dictionary['passwords-common'].map(String).slice(0, 3_000)

  test('G9 each of the 3,000 commonest passwords is refused with a reason', () => {
    expect(common.filter((password) => passwordProblems(password, []).length === 0)).toEqual([])
  })

  test('G9 the hundred commonest are refused at the door', async () => {
    for (const password of common.slice(0, 100)) await expectRejected(password)
  })

  test.each(['password', 'PassWord', '12345678', 'qwertyuiop', 'iloveyou', 'sunshine', 'aaaaaaaaaaaa', 'princess'])(
    'G9 %s is refused',
    (password) => expectRejected(password),
  )

  test.each([
    ['the address', 'grace.hopper@example.com'],
    ['the name before the @', 'Grace.Hopper1'],
    ['the name of the service', 'gatehouse123'],
    ['the display name', 'rearadmiral1'],
  ])('G9 little more than %s is refused', (_what, password) =>
    expectRejected(password, 'grace.hopper@example.com', 'RearAdmiral'),
  )

  test.each([
    ['only lower-case letters', 'correcthorsebattery'],
    ['only digits', '83619502748116'],
    ['64 characters', 'w4'.repeat(32)],
    ['128 characters', 'w4x9'.repeat(32)],
    ['spaces and punctuation', ' ...and a space '],
    ['any alphabet', 'مرحبا بالعالم الجميل'],
  ])('G9 no composition rule: %s will do', (_what, password) => expectTaken(password))
})
