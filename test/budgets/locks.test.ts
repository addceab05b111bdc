import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Answer, Client } from '../support/client.ts'
import { LoginDocument, UnlockUserDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { startGatehouseProcess } from '../support/gatehouse-process.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce } from '../support/race.ts'
import { answerChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode, wrongTotpCode } from '../support/totp.ts'

const quarterOfAnHour = 15 * 60
const wrongPassword = 'none of the right passphrases'

let gatehouse: Gatehouse
let other: Gatehouse
let skew = 0
beforeAll(async () => {
  gatehouse = await startGatehouse()
  other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
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

const codeOf = ({ errors }: Answer<unknown>) => errors?.[0]?.extensions.code ?? 'OK'

const login = async (client: Client, { email }: TestUser, password: string) => {
  const { data, errors } = await client.send(LoginDocument, { input: { email, password } })
  return data?.login.__typename ?? errors?.[0]?.extensions.code
}

const userWithTotp = async () => {
  const user = await gatehouse.createUser()
  return { user, seed: await gatehouse.giveTotp(user) }
}

/** Wrong codes one by one, each at a sign-in of its own, and what each was answered. */
const guessCodes = async (client: Client, user: TestUser, seed: string, count: number) => {
  const outcomes: string[] = []
  while (outcomes.length < count) {
    const id = await loginChallenge(client, user)
    outcomes.push(codeOf(await answerChallenge(client, id, wrongTotpCode(seed, gatehouse.now()))))
  }
  return outcomes
}

const guessPasswords = async (client: Client, user: TestUser, count: number) => {
  const outcomes: (string | undefined)[] = []
  while (outcomes.length < count) outcomes.push(await login(client, user, wrongPassword))
  return outcomes
}

const times = (count: number, outcome: string) => Array<string>(count).fill(outcome)

const rightCode = async ({ anonymous, now }: Pick<Gatehouse, 'anonymous' | 'now'>, user: TestUser, seed: string) =>
  codeOf(await answerChallenge(anonymous, await loginChallenge(anonymous, user), totpCode(seed, now())))

const admin = async (isElevated = true) =>
  gatehouse.signedInAs(
    await gatehouse.createUser({ role: 'ADMIN' }),
    ['PASSWORD'],
    isElevated ? new Date(gatehouse.now().getTime() + 5 * 60_000) : null,
  )

const unlockNotices = async ({ email }: TestUser) =>
  (await gatehouse.mailTo(email)).filter(({ subject }) => subject === 'Your account was unlocked')

const unlocks = async (user: TestUser) =>
  (await historyOf(gatehouse, user)).filter(({ type }) => type === 'ACCOUNT_UNLOCKED')

test('an administrator opens the lock of the codes on every server, which is recorded and told to the owner', async () => {
  const { user, seed } = await userWithTotp()
  await guessCodes(gatehouse.anonymous, user, seed, 10)
  expect(await rightCode(other, user, seed)).toBe('ACCOUNT_LOCKED')
  await (await admin()).ask(UnlockUserDocument, { id: user.id })

  expect(await rightCode(other, user, seed)).toBe('OK')
  expect(await unlocks(user)).toMatchObject([
    { outcome: 'SUCCESS', details: { wasLocked: true }, user: { id: user.id } },
  ])
  await eventually(async () => (await unlockNotices(user)).length === 1)
  expect(await guessCodes(gatehouse.anonymous, user, seed, 11), 'the whole budget').toEqual([
    ...times(10, 'MFA_CODE_INVALID'),
    'ACCOUNT_LOCKED',
  ])
})

test('an administrator opens the lock of the passwords', async () => {
  const user = await gatehouse.createUser()
  await guessPasswords(gatehouse.anonymous, user, 10)
  expect(await login(other.anonymous, user, user.password)).toBe('ACCOUNT_LOCKED')
  await (await admin()).ask(UnlockUserDocument, { id: user.id })
  expect(await login(other.anonymous, user, user.password)).toBe('SignedIn')
})

test('an administrator opens the lock that a known device put on itself', async () => {
  const user = await gatehouse.createUser()
  expect(await login(gatehouse.anonymous, user, user.password)).toBe('SignedIn')
  expect(await guessPasswords(gatehouse.anonymous, user, 11)).toContain('ACCOUNT_LOCKED')
  await (await admin()).ask(UnlockUserDocument, { id: user.id })
  expect(await login(gatehouse.anonymous, user, user.password)).toBe('SignedIn')
})

test('to unlock who is not locked is recorded as such and sends no mail', async () => {
  const { user, seed } = await userWithTotp()
  await guessCodes(gatehouse.anonymous, user, seed, 3)
  await (await admin()).ask(UnlockUserDocument, { id: user.id })
  expect(await unlocks(user)).toMatchObject([{ details: { wasLocked: false } }])
  const mails = await gatehouse.sql`
    SELECT 1 FROM outgoing_messages WHERE recipient = ${user.email} AND subject = 'Your account was unlocked'`
  expect(mails).toHaveLength(0)
})

test('nobody but an administrator with a fresh proof opens a lock', async () => {
  const { user, seed } = await userWithTotp()
  await guessCodes(gatehouse.anonymous, user, seed, 10)
  const soon = new Date(gatehouse.now().getTime() + 5 * 60_000)
  const auditor = await gatehouse.createUser({ role: 'AUDITOR' })
  const refusals: [Client, string][] = [
    [gatehouse.anonymous, 'UNAUTHENTICATED'],
    [await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], soon), 'FORBIDDEN'],
    [await gatehouse.signedInAs(auditor, ['PASSWORD'], soon), 'FORBIDDEN'],
    [await admin(false), 'STEP_UP_REQUIRED'],
  ]
  for (const [client, code] of refusals) {
    expect((await client.refused(UnlockUserDocument, { id: user.id })).extensions.code).toBe(code)
  }
  expect(await rightCode(gatehouse, user, seed)).toBe('ACCOUNT_LOCKED')
  expect(await unlocks(user)).toEqual([])
})

test.each(['no id at all', randomUUID()])('to unlock %s answers NOT_FOUND', async (id) => {
  expect((await (await admin()).refused(UnlockUserDocument, { id })).extensions.code).toBe('NOT_FOUND')
})

test('one user who is unlocked unlocks no other', async () => {
  const [locked, unlocked] = [await userWithTotp(), await userWithTotp()]
  for (const { user, seed } of [locked, unlocked]) await guessCodes(gatehouse.anonymous, user, seed, 10)
  await (await admin()).ask(UnlockUserDocument, { id: unlocked.user.id })
  expect(await rightCode(gatehouse, unlocked.user, unlocked.seed)).toBe('OK')
  expect(await rightCode(gatehouse, locked.user, locked.seed)).toBe('ACCOUNT_LOCKED')
})

test('a lock opens a quarter of an hour after the failure that closed it, however long before the first one was', async () => {
  const { user, seed } = await userWithTotp()
  await guessCodes(gatehouse.anonymous, user, seed, 9)
  pass(quarterOfAnHour - 60)
  await guessCodes(gatehouse.anonymous, user, seed, 1)
  pass(120)
  expect(await rightCode(gatehouse, user, seed)).toBe('ACCOUNT_LOCKED')
  pass(quarterOfAnHour - 119)
  expect(await rightCode(gatehouse, user, seed)).toBe('OK')
})

test('a quarter of an hour after the first of them, failures that locked nothing are forgotten', async () => {
  const { user, seed } = await userWithTotp()
  for (let round = 0; round < 2; round++) {
    expect(await guessCodes(gatehouse.anonymous, user, seed, 9)).toEqual(times(9, 'MFA_CODE_INVALID'))
    expect(await guessPasswords(gatehouse.anonymous, user, 9)).toEqual(times(9, 'INVALID_CREDENTIALS'))
    pass(quarterOfAnHour + 1)
  }
  expect(countTypes(await historyOf(gatehouse, user))).not.toHaveProperty('ACCOUNT_LOCKED')
})

test('right sign-ins cost none of the tries, and give back none that failed', async () => {
  const user = await gatehouse.createUser()
  await gatehouse.giveTotp(user) // never completed, so that no device becomes a known one
  for (let n = 0; n < 15; n++) expect(await login(gatehouse.anonymous, user, user.password)).toBe('MfaRequired')
  for (let n = 0; n < 9; n++) {
    expect(await login(other.anonymous, user, wrongPassword)).toBe('INVALID_CREDENTIALS')
    expect(await login(gatehouse.anonymous, user, user.password)).toBe('MfaRequired')
  }
  expect(await login(other.anonymous, user, wrongPassword)).toBe('INVALID_CREDENTIALS')
  expect(await login(other.anonymous, user, wrongPassword)).toBe('ACCOUNT_LOCKED')
})

test.each([
  { factor: 'no', result: 'SignedIn' },
  { factor: 'a', result: 'MfaRequired' },
])(
  'of 50 right sign-ins at once over two servers, to an account with $factor second factor, all succeed',
  async ({ factor, result }) => {
    const user = await gatehouse.createUser()
    if (factor === 'a') await gatehouse.giveTotp(user)
    const doors = [gatehouse.anonymous, other.anonymous]
    const outcomes = await atOnce(50, doors, (door) => login(door, user, user.password))
    expect(outcomes).toEqual(times(50, result))
    expect(countTypes(await historyOf(gatehouse, user))).not.toHaveProperty('RATE_LIMITED')
    expect(await guessPasswords(other.anonymous, user, 11)).toEqual([
      ...times(10, 'INVALID_CREDENTIALS'),
      'ACCOUNT_LOCKED',
    ])
  },
)

test('counts and locks survive the crash of every server', async () => {
  const coded = await userWithTotp()
  const locked = await userWithTotp()
  const { user } = await userWithTotp()
  const withProcess = async (work: (server: { anonymous: Client }) => Promise<void>) => {
    const server = await startGatehouseProcess(gatehouse.databaseUrl)
    try {
      await work(server)
    } finally {
      await server.end('SIGKILL')
    }
  }
  await withProcess(async ({ anonymous }) => {
    expect(await guessCodes(anonymous, coded.user, coded.seed, 9)).toEqual(times(9, 'MFA_CODE_INVALID'))
    expect(await guessPasswords(anonymous, user, 9)).toEqual(times(9, 'INVALID_CREDENTIALS'))
    expect(await guessCodes(anonymous, locked.user, locked.seed, 10)).toEqual(times(10, 'MFA_CODE_INVALID'))
  })
  await withProcess(async ({ anonymous }) => {
    expect(await guessCodes(anonymous, coded.user, coded.seed, 2)).toEqual(['MFA_CODE_INVALID', 'ACCOUNT_LOCKED'])
    expect(await guessPasswords(anonymous, user, 2)).toEqual(['INVALID_CREDENTIALS', 'ACCOUNT_LOCKED'])
    const id = await loginChallenge(anonymous, locked.user)
    const right = await answerChallenge(anonymous, id, totpCode(locked.seed, new Date()))
    expect(codeOf(right)).toBe('ACCOUNT_LOCKED')
  })
}, 60_000)
