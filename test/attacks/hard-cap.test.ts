import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import type { Answer, Client } from '../support/client.ts'
import { MyMfaDocument, RemoveMfaFactorDocument, UnlockUserDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { answerChallenge, beginEnrolment, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode, wrongTotpCodes } from '../support/totp.ts'

const beyondTheLock = 16 * 60
const threeDays = 3 * 24 * 3600
const disabledSubject = 'A second factor was disabled'

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

const pass = (seconds: number) => {
  for (const server of [gatehouse, other]) server.advanceClock(seconds)
}

const userWithTotp = async () => {
  const user = await gatehouse.createUser()
  return { user, seed: await gatehouse.giveTotp(user) }
}

/** Sends wrong codes one by one, five to a sign-in, and lets `pause` seconds pass after each ten. All must be looked at. */
const guess = async (
  user: TestUser,
  seed: string,
  count: number,
  pause = beyondTheLock,
): Promise<Answer<unknown>[]> => {
  const answers: Answer<unknown>[] = []
  let challengeId = ''
  while (answers.length < count) {
    if (answers.length % 5 === 0) challengeId = await loginChallenge(gatehouse.anonymous, user)
    const [code = ''] = wrongTotpCodes(seed, gatehouse.now(), 1)
    answers.push(await answerChallenge(gatehouse.anonymous, challengeId, code))
    if (answers.length % 10 === 0) pass(pause)
  }
  expect(tally(answers)).toEqual({ MFA_CODE_INVALID: count })
  return answers
}

const factorsOf = async (user: TestUser) =>
  (await (await gatehouse.signedInAs(user)).ask(MyMfaDocument, {})).me.mfa.factors.map(({ status }) => status)

const elevated = (user: TestUser): Promise<Client> =>
  gatehouse.signedInAs(user, ['PASSWORD', 'BACKUP_CODE'], new Date(gatehouse.now().getTime() + 300_000))

const rightCode = async (user: TestUser, seed: string) =>
  answerChallenge(gatehouse.anonymous, await loginChallenge(gatehouse.anonymous, user), totpCode(seed, gatehouse.now()))

const disablings = async (user: TestUser) =>
  (await historyOf(gatehouse, user)).filter(
    ({ type, details }) => type === 'ACCOUNT_LOCKED' && (details as { scope?: string }).scope === 'factor',
  )

const mailsOfDisabling = async (user: TestUser) =>
  (await gatehouse.mailTo(user.email)).filter(({ subject }) => subject === disabledSubject)

const expectOneDisabling = async (user: TestUser) => {
  expect(await disablings(user)).toMatchObject([
    { details: { scope: 'factor', factorId: expect.any(String) }, outcome: 'SUCCESS' },
  ])
  await eventually(async () => (await mailsOfDisabling(user)).length > 0)
  const queued = await gatehouse.sql`
    SELECT 1 FROM outgoing_messages WHERE recipient = ${user.email} AND subject = ${disabledSubject}`
  expect(queued).toHaveLength(1)
}

test('A16: a hundred wrong codes in a row over weeks disable the factor, until it is removed and enrolled anew', async () => {
  const { anonymous } = gatehouse
  const { user, seed } = await userWithTotp()
  const codes = await gatehouse.giveBackupCodes(user)
  const answers = await guess(user, seed, 99, threeDays)
  expect(await factorsOf(user)).toEqual(['ACTIVE'])
  expect(await disablings(user)).toEqual([])
  answers.push(...(await guess(user, seed, 1)))
  expect(await factorsOf(user)).toEqual(['DISABLED'])
  await expectOneDisabling(user)

  pass(beyondTheLock)
  expect(tally([await rightCode(user, seed)])).toEqual({ MFA_CODE_INVALID: 1 }) // and a second factor is asked for
  const admin = await elevated(await gatehouse.createUser({ role: 'ADMIN' }))
  await admin.ask(UnlockUserDocument, { id: user.id })
  expect(tally([await rightCode(user, seed)]), 'after unlockUser').toEqual({ MFA_CODE_INVALID: 1 })
  const challengeId = await loginChallenge(anonymous, user)
  const { session } = await completeChallenge(anonymous, challengeId, codes[4] as string, 'SignedIn')
  expect(session.authenticationMethods).toEqual(['PASSWORD', 'BACKUP_CODE'])

  const recovering = await elevated(user)
  const { factors } = (await recovering.ask(MyMfaDocument, {})).me.mfa
  await recovering.ask(RemoveMfaFactorDocument, { id: factors[0]?.id as string })
  const enrolling = await elevated(user)
  const { challenge, secret } = await beginEnrolment(enrolling)
  await completeChallenge(enrolling, challenge.id, totpCode(secret, gatehouse.now()), 'MfaActivated')
  expect(await factorsOf(user)).toEqual(['ACTIVE'])
  pass(30)
  expect((await rightCode(user, secret)).data?.verifyMfa.__typename).toBe('SignedIn')
  await expectUnharmed(gatehouse, { secrets: [seed, secret], answers })
}, 60_000)

test('A16: a right code begins the hundred anew', async () => {
  const { user, seed } = await userWithTotp()
  await guess(user, seed, 99)
  pass(beyondTheLock)
  expect((await rightCode(user, seed)).data?.verifyMfa.__typename).toBe('SignedIn')
  pass(beyondTheLock)
  await guess(user, seed, 99)
  expect(await factorsOf(user)).toEqual(['ACTIVE'])
  pass(beyondTheLock)
  await guess(user, seed, 1)
  expect(await factorsOf(user)).toEqual(['DISABLED'])
}, 60_000)

test('A16: of many wrong codes at once the hundredth disables the factor, and its owner is told once', async () => {
  const { user, seed } = await userWithTotp()
  await guess(user, seed, 95)
  pass(beyondTheLock)
  const doors = [gatehouse.anonymous, other.anonymous]
  const ids = await atOnce(8, doors, (door) => loginChallenge(door, user))
  const codes = wrongTotpCodes(seed, gatehouse.now(), 40)
  const answers = await atOnce(40, doors, (door, turn) =>
    answerChallenge(door, ids[turn % ids.length] as string, codes[turn] as string),
  )
  expect(tally(answers)).toEqual({ MFA_CODE_INVALID: 10, ACCOUNT_LOCKED: 30 })
  expect(await factorsOf(user)).toEqual(['DISABLED'])
  await expectOneDisabling(user)
}, 60_000)
