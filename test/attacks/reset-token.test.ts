import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import { ChangeEmailDocument, ChangePasswordDocument, RegisterDocument } from '../support/documents.generated.ts'
import {
  confirmationTokenTo,
  type Gatehouse,
  startGatehouse,
  type TestUser,
  testPassword,
} from '../support/gatehouse.ts'
import { countTypes, eventsWhere, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import {
  confirmEmail,
  freshlyProved,
  loginOutcome,
  mailedResetToken,
  newestTokenTo,
  resetPassword,
} from '../support/recovery.ts'
import { completeChallenge } from '../support/second-factor.ts'
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

const chosen = 'what the one who asks chooses'
const use = (token: string, server: Gatehouse = gatehouse) => resetPassword(server.anonymous, token, chosen)

const expectUnchanged = async ({ email }: TestUser, password = testPassword) =>
  expect(await loginOutcome(gatehouse.anonymous, email, password)).toBe('SignedIn')

test('E5: a used token is dead, and its second use is recorded as a failure', async () => {
  const user = await gatehouse.createUser()
  const token = await mailedResetToken(gatehouse, user)
  const answers = [await use(token), await use(token), await use(token, other)]
  expect(tally(answers)).toEqual({ OK: 1, TOKEN_INVALID: 2 })
  const failures = await eventsWhere(gatehouse, { types: ['PASSWORD_RESET_COMPLETED'], outcomes: ['FAILURE'] })
  expect(failures.map(({ user: owner }) => owner)).toEqual([null, null])
  await expectUnharmed(gatehouse, { secrets: [token, chosen], answers })
})

test('E5: of 50 uses of one token at once on two servers, one sets its password', { timeout: 60_000 }, async () => {
  for (let round = 0; round < 4; round++) {
    const user = await gatehouse.createUser()
    const token = await mailedResetToken(gatehouse, user)
    const answers = await atOnce(50, [gatehouse, other], (server, turn) =>
      resetPassword(server.anonymous, token, `${chosen} ${turn}`),
    )
    expect(tally(answers)).toEqual({ OK: 1, TOKEN_INVALID: 49 })
    const winner = answers.findIndex(({ errors }) => !errors)
    await expectUnchanged(user, `${chosen} ${winner}`)
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ PASSWORD_RESET_COMPLETED: 1 })
    await expectUnharmed(gatehouse, { secrets: [token], answers })
  }
})

test('E5: of 50 uses of one token at once for an account with a second factor, one opens a challenge', async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const token = await mailedResetToken(gatehouse, user)
  const answers = await atOnce(50, [gatehouse, other], (server) => use(token, server))
  expect(tally(answers)).toEqual({ OK: 1, TOKEN_INVALID: 49 })
  expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ MFA_CHALLENGED: 1 })

  const [won] = answers.flatMap(({ data }) =>
    data?.resetPassword.__typename === 'MfaRequired' ? [data.resetPassword.challenge.id] : [],
  )
  await completeChallenge(other.anonymous, won ?? '', totpCode(seed, gatehouse.now()), 'PasswordChanged')
  await expectUnharmed(gatehouse, { secrets: [token, chosen, seed], answers })
})

test('E5: only the newest of several tokens works, also when they are asked for at once', async () => {
  const user = await gatehouse.createUser()
  const older = await mailedResetToken(gatehouse, user)
  const newer = await mailedResetToken(gatehouse, user, 1)
  expect(tally([await use(older)])).toEqual({ TOKEN_INVALID: 1 })
  expect(tally([await use(newer)])).toEqual({ OK: 1 })

  const hasty = await gatehouse.createUser()
  await atOnce(4, [gatehouse, other], (server) =>
    server.anonymous.sendText(`mutation { requestPasswordReset(email: "${hasty.email}") { email } }`),
  )
  const rows = await gatehouse.sql`SELECT FROM password_resets WHERE user_id = ${hasty.id}`
  expect(rows).toHaveLength(1)
})

test('E5: a token is dead once the password was changed or reset otherwise', async () => {
  const user = await gatehouse.createUser()
  const token = await mailedResetToken(gatehouse, user)
  const session = await freshlyProved(gatehouse, user)
  const newPassword = 'what the owner chose meanwhile'
  await session.ask(ChangePasswordDocument, { input: { currentPassword: testPassword, newPassword } })
  expect(tally([await use(token)])).toEqual({ TOKEN_INVALID: 1 })
  await expectUnchanged(user, newPassword)
})

test('E5: a token is dead once the address that it was mailed to is no longer that of the account', async () => {
  const user = await gatehouse.createUser()
  const newEmail = `new-${user.email}`
  const session = await freshlyProved(gatehouse, user)
  await session.ask(ChangeEmailDocument, { newEmail })
  const token = await mailedResetToken(gatehouse, user)
  expect(tally([await confirmEmail(gatehouse.anonymous, await newestTokenTo(gatehouse, newEmail))])).toEqual({ OK: 1 })
  expect(tally([await use(token)])).toEqual({ TOKEN_INVALID: 1 })
  await expectUnchanged({ ...user, email: newEmail })
})

test('E5: a token of one kind is worth nothing as another', async () => {
  const user = await gatehouse.createUser()
  const session = await freshlyProved(gatehouse, user)
  const newEmail = `other-${user.email}`
  await session.ask(ChangeEmailDocument, { newEmail })
  const ofChange = await newestTokenTo(gatehouse, newEmail)
  const ofReset = await mailedResetToken(gatehouse, user)
  const registered = `registered-${user.email}`
  await gatehouse.anonymous.ask(RegisterDocument, { input: { email: registered, password: testPassword } })
  const ofRegistration = await confirmationTokenTo(gatehouse, registered)

  expect(tally([await use(ofChange), await use(ofRegistration)])).toEqual({ TOKEN_INVALID: 2 })
  expect(tally([await confirmEmail(gatehouse.anonymous, ofReset)])).toEqual({ TOKEN_INVALID: 1 })
  const answers = [
    await confirmEmail(gatehouse.anonymous, ofChange),
    await confirmEmail(other.anonymous, ofRegistration),
  ]
  expect(answers.map(({ data }) => data?.confirmEmail.__typename)).toEqual(['EmailChanged', 'SignedIn'])
})

test('E5: a token changes the password of its own account alone', async () => {
  const [alice, mallory] = [await gatehouse.createUser(), await gatehouse.createUser()]
  const session = await freshlyProved(gatehouse, alice)
  const token = await mailedResetToken(gatehouse, mallory)
  expect(tally([await resetPassword(session, token, chosen)])).toEqual({ OK: 1 })
  await expectUnchanged(alice)
  await expectUnchanged(mallory, chosen)
})

test('E5: what is no token is refused alike, and never a fault of the server', async () => {
  const answers = await Promise.all(
    ['', "'", 'A'.repeat(43), 'x'.repeat(20_000), '%00', '💥'].map((token) => use(token)),
  )
  expect(tally(answers)).toEqual({ TOKEN_INVALID: 6 })
  await expectUnharmed(gatehouse, { secrets: [chosen], answers })
})
