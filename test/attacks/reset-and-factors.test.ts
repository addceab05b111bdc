import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import { LoginDocument, MyMfaDocument, VerifyMfaDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { tally } from '../support/race.ts'
import { loginOutcome, mailedResetToken, resetPassword } from '../support/recovery.ts'
import { answerChallenge, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode, wrongTotpCodes } from '../support/totp.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const chosen = 'what the mailbox reader chooses'

const openReset = async (user: { email: string }) => {
  const token = await mailedResetToken(gatehouse, user)
  const answer = await resetPassword(gatehouse.anonymous, token, chosen)
  if (answer.data?.resetPassword.__typename !== 'MfaRequired') throw new Error(answer.text)
  return { token, answer, challengeId: answer.data.resetPassword.challenge.id }
}

test('B10: whoever reads the mailbox alone gets neither a session nor the password changed, nor any factor', async () => {
  const alice = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(alice)
  const { token, answer, challengeId } = await openReset(alice)
  expect(answer.text).not.toMatch(/sessionToken|gts_/)
  const half = gatehouse.clientWith(challengeId)
  expect((await half.refused(MyMfaDocument, {})).extensions.code).toBe('UNAUTHENTICATED')

  const guesses = wrongTotpCodes(seed, gatehouse.now(), 6)
  const answers = []
  for (const code of guesses) answers.push(await answerChallenge(gatehouse.anonymous, challengeId, code))
  expect(tally(answers)).toEqual({ MFA_CODE_INVALID: 5, CHALLENGE_EXPIRED: 1 })
  expect(await loginOutcome(gatehouse.anonymous, alice.email, chosen)).toBe('INVALID_CREDENTIALS')
  expect(await loginOutcome(gatehouse.anonymous, alice.email, alice.password)).toBe('MfaRequired')
  await expectUnharmed(gatehouse, { secrets: [token, chosen, seed], answers: [answer, ...answers] })
})

test('B10: resets buy no tries: ten wrong codes over all of them lock the codes of the account', async () => {
  const alice = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(alice)
  const codes = wrongTotpCodes(seed, gatehouse.now(), 15)
  const answers = []
  for (let turn = 0; turn < 3; turn++) {
    const token = await mailedResetToken(gatehouse, alice, turn)
    const { data } = await resetPassword(gatehouse.anonymous, token, chosen)
    const challengeId = data?.resetPassword.__typename === 'MfaRequired' ? data.resetPassword.challenge.id : ''
    for (const code of codes.splice(0, 5)) answers.push(await answerChallenge(gatehouse.anonymous, challengeId, code))
  }
  expect(tally(answers)).toEqual({ MFA_CODE_INVALID: 10, ACCOUNT_LOCKED: 5 })
})

test('B10: after a whole reset the factors and backup codes are what they were, and the next sign-in asks for one', async () => {
  const alice = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(alice)
  const codes = await gatehouse.giveBackupCodes(alice)
  const input = { challengeId: await loginChallenge(gatehouse.anonymous, alice), trustDevice: true }
  const trusting = { ...input, code: totpCode(seed, gatehouse.now()) }
  const { verifyMfa } = await gatehouse.anonymous.ask(VerifyMfaDocument, { input: trusting })
  const deviceToken = verifyMfa.__typename === 'SignedIn' ? verifyMfa.deviceToken : null

  gatehouse.advanceClock(30)
  const { challengeId, answer } = await openReset(alice)
  const code = totpCode(seed, gatehouse.now())
  const changed = await completeChallenge(gatehouse.anonymous, challengeId, code, 'PasswordChanged')
  expect(changed.sessionToken).toBe(null)

  const { email } = alice
  const { login } = await gatehouse.anonymous.ask(LoginDocument, { input: { email, password: chosen, deviceToken } })
  if (login.__typename !== 'MfaRequired') throw new Error('No second factor was asked for')
  expect(login.challenge.methods).toEqual(['TOTP', 'BACKUP_CODE'])
  const backupCode = codes[0] ?? ''
  const signedIn = await completeChallenge(gatehouse.anonymous, login.challenge.id, backupCode, 'SignedIn')
  const { me } = await gatehouse.clientWith(signedIn.sessionToken).ask(MyMfaDocument, {})
  expect(me.mfa).toMatchObject({
    enabled: true,
    backupCodesRemaining: 9,
    factors: [{ method: 'TOTP', status: 'ACTIVE', preferred: true }],
  })
  expect(countTypes(await historyOf(gatehouse, alice))).not.toHaveProperty('MFA_REMOVED')
  await expectUnharmed(gatehouse, { secrets: [code, seed, chosen, ...codes], answers: [answer] })
})
