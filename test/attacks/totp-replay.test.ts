import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import { RequestStepUpDocument, VerifyMfaDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { beginEnrolment, completeChallenge, loginChallenge } from '../support/second-factor.ts'
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

const usedCode = { code: 'MFA_CODE_INVALID', attemptsRemaining: 4 }

test('A1: a code used at one login is refused at the next on every server, and recorded as a replay', async () => {
  const user = await gatehouse.createUser()
  const code = totpCode(await gatehouse.giveTotp(user), gatehouse.now())
  const challengeId = await loginChallenge(gatehouse.anonymous, user)
  await completeChallenge(gatehouse.anonymous, challengeId, code, 'SignedIn')

  for (const { anonymous } of [gatehouse, other]) {
    const input = { challengeId: await loginChallenge(anonymous, user), code }
    expect((await anonymous.refused(VerifyMfaDocument, { input })).extensions).toEqual(usedCode)
  }

  const history = await historyOf(gatehouse, user)
  expect(countTypes(history)).toEqual({
    MFA_CHALLENGED: 3,
    MFA_SUCCEEDED: 1,
    LOGIN_SUCCEEDED: 1,
    SESSION_CREATED: 1,
    MFA_FAILED: 2,
  })
  for (const { details } of history.filter(({ type }) => type === 'MFA_FAILED')) {
    expect(details).toEqual({ reason: 'used code', method: 'TOTP', purpose: 'LOGIN' })
  }
  await expectUnharmed(gatehouse, { secrets: [code, user.password] })
})

test('A1: once a code was used, the code of the step before it is refused too', async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const older = totpCode(seed, gatehouse.now())
  gatehouse.advanceClock(30)
  const { anonymous } = gatehouse
  const newer = totpCode(seed, gatehouse.now())
  await completeChallenge(anonymous, await loginChallenge(anonymous, user), newer, 'SignedIn')

  const input = { challengeId: await loginChallenge(anonymous, user), code: older }
  expect((await anonymous.refused(VerifyMfaDocument, { input })).extensions).toEqual(usedCode)
})

test('A2: the code that confirmed an enrolment opens neither a login nor a step-up', async () => {
  const { anonymous, signedInAs, clientWith } = gatehouse
  const user = await gatehouse.createUser()
  const session = await signedInAs(user)
  const { secret, challenge } = await beginEnrolment(session)
  const code = totpCode(secret, gatehouse.now())
  const { sessionToken } = await completeChallenge(session, challenge.id, code, 'MfaActivated')
  const renewed = clientWith(sessionToken)

  const login = { challengeId: await loginChallenge(anonymous, user), code }
  expect((await anonymous.refused(VerifyMfaDocument, { input: login })).extensions).toEqual(usedCode)
  const { requestStepUp } = await renewed.ask(RequestStepUpDocument, {})
  const stepUp = { challengeId: requestStepUp.id, code }
  expect((await renewed.refused(VerifyMfaDocument, { input: stepUp })).extensions).toEqual(usedCode)

  const history = await historyOf(gatehouse, user)
  expect(countTypes(history)).toMatchObject({ MFA_ENROLLED: 1, MFA_FAILED: 2 })
  expect(countTypes(history)).not.toHaveProperty('STEP_UP_SUCCEEDED')
  await expectUnharmed(gatehouse, { secrets: [code, secret] })
})
