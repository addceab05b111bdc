import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../support/client.ts'
import { MeDocument, RequestStepUpDocument, VerifyMfaDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { answerChallenge, beginEnrolment, completeChallenge, loginChallenge } from '../support/second-factor.ts'
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

const userWithTotp = async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  return { user, right: totpCode(seed, gatehouse.now()), wrong: wrongTotpCode(seed, gatehouse.now()) }
}

const refusal = async (client: Client, challengeId: string, code: string) =>
  (await client.refused(VerifyMfaDocument, { input: { challengeId, code } })).extensions

test('a challenge takes five codes and says how many are left; then even the right one is too late', async () => {
  const { anonymous } = gatehouse
  const { user, right, wrong } = await userWithTotp()
  const challengeId = await loginChallenge(anonymous, user)
  for (const attemptsRemaining of [4, 3, 2, 1, 0]) {
    expect(await refusal(anonymous, challengeId, wrong)).toEqual({ code: 'MFA_CODE_INVALID', attemptsRemaining })
  }
  expect(await refusal(anonymous, challengeId, right)).toEqual({ code: 'CHALLENGE_EXPIRED' })
  expect(countTypes(await historyOf(gatehouse, user))).toEqual({ MFA_CHALLENGED: 1, MFA_FAILED: 5 })
})

test('of many wrong codes at once on two servers a challenge takes five, and each is recorded once', async () => {
  const { user, right, wrong } = await userWithTotp()
  const doors = [gatehouse.anonymous, other.anonymous]
  const challengeId = await loginChallenge(gatehouse.anonymous, user)
  const answers = await atOnce(50, doors, (door) => answerChallenge(door, challengeId, wrong))

  expect(tally(answers)).toEqual({ MFA_CODE_INVALID: 5, CHALLENGE_EXPIRED: 45 })
  const left = answers.flatMap(({ errors }) => errors?.[0]?.extensions.attemptsRemaining ?? [])
  expect(left.sort()).toEqual([0, 1, 2, 3, 4])
  expect(await refusal(gatehouse.anonymous, challengeId, right)).toEqual({ code: 'CHALLENGE_EXPIRED' })
  expect(countTypes(await historyOf(gatehouse, user))).toEqual({ MFA_CHALLENGED: 1, MFA_FAILED: 5 })
})

test('a challenge is over once it was answered, ten minutes after it began, and when it never was', async () => {
  const { anonymous } = gatehouse
  const { user, right } = await userWithTotp()
  const answered = await loginChallenge(anonymous, user)
  await completeChallenge(anonymous, answered, right, 'SignedIn')

  const late = await userWithTotp()
  const old = await loginChallenge(anonymous, late.user)
  other.advanceClock(601)
  for (const id of [answered, old, randomUUID(), 'no id at all']) {
    expect(await refusal(other.anonymous, id, late.right)).toEqual({ code: 'CHALLENGE_EXPIRED' })
  }
  other.advanceClock(-601)
  await completeChallenge(anonymous, old, late.right, 'SignedIn')
})

test("a session's challenge is over for everyone else, and their tries cost it none", async () => {
  const { anonymous, createUser, signedInAs } = gatehouse
  const { user, right, wrong } = await userWithTotp()
  const session = await signedInAs(user)
  const strangers = [anonymous, await signedInAs(user), await signedInAs(await createUser())]
  const { requestStepUp } = await session.ask(RequestStepUpDocument, {})

  for (const stranger of strangers) {
    for (const code of [right, wrong, right, wrong, right, wrong]) {
      expect(await refusal(stranger, requestStepUp.id, code)).toEqual({ code: 'CHALLENGE_EXPIRED' })
    }
  }
  expect(await refusal(session, requestStepUp.id, wrong)).toEqual({ code: 'MFA_CODE_INVALID', attemptsRemaining: 4 })
  await completeChallenge(session, requestStepUp.id, right, 'SteppedUp')
  expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ MFA_FAILED: 1 + 6, STEP_UP_SUCCEEDED: 1 }) // six of a session of the same user
})

test("an enrolment's challenge is over for everyone else, and their tries cost it none", async () => {
  const { anonymous, createUser, signedInAs } = gatehouse
  const user = await createUser()
  const session = await signedInAs(user)
  const strangers = [anonymous, await signedInAs(user), await signedInAs(await createUser())]
  const { challenge, secret } = await beginEnrolment(session)
  const right = totpCode(secret, gatehouse.now())

  for (const stranger of strangers) {
    expect(await refusal(stranger, challenge.id, right)).toEqual({ code: 'CHALLENGE_EXPIRED' })
  }
  const wrong = wrongTotpCode(secret, gatehouse.now())
  expect(await refusal(session, challenge.id, wrong)).toEqual({ code: 'MFA_CODE_INVALID', attemptsRemaining: 4 })
  await completeChallenge(session, challenge.id, right, 'MfaActivated')
})

test('a code of one user answers no challenge of another', async () => {
  const { anonymous } = gatehouse
  const alice = await userWithTotp()
  const mallory = await userWithTotp()
  const challengeId = await loginChallenge(anonymous, alice.user)
  expect(await refusal(anonymous, challengeId, mallory.right)).toEqual({
    code: 'MFA_CODE_INVALID',
    attemptsRemaining: 4,
  })
})

test('a sign-in with a code makes one session of both factors and one event for each thing that happened', async () => {
  const { anonymous, clientWith } = gatehouse
  const { user, right } = await userWithTotp()
  const challengeId = await loginChallenge(anonymous, user)
  const { session, sessionToken } = await completeChallenge(anonymous, challengeId, right, 'SignedIn')
  expect(session).toMatchObject({ assurance: 'AAL2', authenticationMethods: ['PASSWORD', 'TOTP'] })
  await clientWith(sessionToken).ask(MeDocument, {})

  const history = await historyOf(gatehouse, user)
  expect(history.map(({ type, outcome, details, sessionId }) => ({ type, outcome, details, sessionId }))).toEqual([
    { type: 'MFA_CHALLENGED', outcome: 'SUCCESS', details: { purpose: 'LOGIN' }, sessionId: null },
    { type: 'MFA_SUCCEEDED', outcome: 'SUCCESS', details: { method: 'TOTP', purpose: 'LOGIN' }, sessionId: null },
    { type: 'LOGIN_SUCCEEDED', outcome: 'SUCCESS', details: { methods: 'PASSWORD TOTP' }, sessionId: session.id },
    { type: 'SESSION_CREATED', outcome: 'SUCCESS', details: {}, sessionId: session.id },
  ])
})
