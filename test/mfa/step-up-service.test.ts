import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../support/client.ts'
import { EnrolMfaDocument, MeDocument, RequestStepUpDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { answerChallenge, beginEnrolment, completeChallenge } from '../support/second-factor.ts'
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

const enrolment = { input: { method: 'TOTP' } } as const
const refusedEnrolment = async (client: Client) => (await client.refused(EnrolMfaDocument, enrolment)).extensions

const sessionOfTotpUser = async (minutesElevated: number | null = null) => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const until = minutesElevated === null ? null : new Date(gatehouse.now().getTime() + minutesElevated * 60_000)
  return { user, seed, session: await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], until) }
}

test('a second factor is enrolled after a fresh proof, for which the refusal brings a challenge', async () => {
  const { user, seed, session } = await sessionOfTotpUser()
  const { challengeId, ...refusal } = await refusedEnrolment(session)
  expect(refusal).toEqual({ code: 'STEP_UP_REQUIRED', methods: ['TOTP'] })

  const code = totpCode(seed, gatehouse.now())
  const steppedUp = await completeChallenge(session, String(challengeId), code, 'SteppedUp')
  expect(steppedUp.session).toMatchObject({ id: session.sessionId, assurance: 'AAL2' })
  const raised = gatehouse.clientWith(steppedUp.sessionToken)
  const { challenge, secret } = await beginEnrolment(raised)
  const done = await completeChallenge(raised, challenge.id, totpCode(secret, gatehouse.now()), 'MfaActivated')
  expect(done).toMatchObject({ backupCodes: null, factor: { status: 'ACTIVE', preferred: false } })

  expect(countTypes(await historyOf(gatehouse, user))).toEqual({
    ACCESS_DENIED: 1,
    MFA_CHALLENGED: 1,
    MFA_SUCCEEDED: 1,
    STEP_UP_SUCCEEDED: 1,
    MFA_ENROLMENT_STARTED: 1,
    MFA_ENROLLED: 1,
  })
})

test('a refused enrolment drops neither a factor in force nor anything else', async () => {
  const { user, session } = await sessionOfTotpUser()
  await refusedEnrolment(session)
  const rows = await gatehouse.sql`SELECT status FROM mfa_configurations WHERE user_id = ${user.id}`
  expect(rows.map((row) => row.status)).toEqual(['ACTIVE'])
  expect(countTypes(await historyOf(gatehouse, user))).toEqual({ ACCESS_DENIED: 1, MFA_CHALLENGED: 1 })
})

test('a fresh password is no fresh proof for one who has a second factor', async () => {
  const { user } = await sessionOfTotpUser()
  const inFiveMinutes = new Date(gatehouse.now().getTime() + 300_000)
  const session = await gatehouse.signedInAs(user, ['PASSWORD'], inFiveMinutes)
  expect((await refusedEnrolment(session)).code).toBe('STEP_UP_REQUIRED')
})

test('a step-up holds for five minutes and no longer', async () => {
  const { seed, session } = await sessionOfTotpUser()
  const { requestStepUp } = await session.ask(RequestStepUpDocument, {})
  expect(requestStepUp).toMatchObject({ purpose: 'STEP_UP', attemptsRemaining: 5, methods: ['TOTP'] })
  const { sessionToken } = await completeChallenge(
    session,
    requestStepUp.id,
    totpCode(seed, gatehouse.now()),
    'SteppedUp',
  )

  const later = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
  try {
    later.advanceClock(5 * 60 - 5)
    await beginEnrolment(later.clientWith(sessionToken))
    later.advanceClock(5)
    expect((await refusedEnrolment(later.clientWith(sessionToken))).code).toBe('STEP_UP_REQUIRED')
  } finally {
    await later.close()
  }
})

test('a step-up gives the session a new token, and the old one is dead on every server', async () => {
  const { seed, session } = await sessionOfTotpUser()
  await other.clientWith(session.token).ask(MeDocument, {})
  const { requestStepUp } = await session.ask(RequestStepUpDocument, {})
  const { sessionToken } = await completeChallenge(
    session,
    requestStepUp.id,
    totpCode(seed, gatehouse.now()),
    'SteppedUp',
  )
  const later = await startGatehouse({ databaseUrl: gatehouse.databaseUrl, redisUrl: null })
  for (const server of [gatehouse, other, later]) {
    expect((await server.clientWith(session.token).refused(MeDocument, {})).extensions.code).toBe('UNAUTHENTICATED')
    await server.clientWith(sessionToken).ask(MeDocument, {})
  }
  await later.close()
})

test('of one code sent 50 times at once to two servers, one raises the session and gets its one new token', async () => {
  const { user, seed, session } = await sessionOfTotpUser()
  const { requestStepUp } = await session.ask(RequestStepUpDocument, {})
  const clients = [session, other.clientWith(session.token)]
  const code = totpCode(seed, gatehouse.now())
  const answers = await atOnce(50, clients, (client) => answerChallenge(client, requestStepUp.id, code))
  expect(tally(answers).OK).toBe(1)
  expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ MFA_SUCCEEDED: 1, STEP_UP_SUCCEEDED: 1 })
})

test('a user without a second factor can not ask for a step-up, and needs none to enrol', async () => {
  const session = await gatehouse.signedInAs(await gatehouse.createUser())
  expect((await session.refused(RequestStepUpDocument, {})).extensions.code).toBe('CONFLICT')
  await beginEnrolment(session)
})
