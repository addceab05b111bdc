import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import type { Client } from '../support/client.ts'
import {
  EnrolMfaDocument,
  ListSessionsDocument,
  LoginDocument,
  MyMfaDocument,
  RemoveMfaFactorDocument,
  RequestStepUpDocument,
  SendMfaCodeDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { startGatehouseProcess } from '../support/gatehouse-process.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { roundsOf } from '../support/rounds.ts'
import { answerChallenge, beginPhoneEnrolment, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { startTwilioServer } from '../support/twilio-server.ts'

let twilio: Awaited<ReturnType<typeof startTwilioServer>>
let gatehouse: Gatehouse
let other: Gatehouse
beforeAll(async () => {
  twilio = await startTwilioServer()
  const config = { twilio: twilio.settings }
  gatehouse = await startGatehouse({ config })
  other = await startGatehouse({ config, databaseUrl: gatehouse.databaseUrl })
})
afterAll(async () => {
  await other.close()
  await gatehouse.close()
  await twilio.close()
})

let exchange = 200
/** A number with a prefix of its own, so that no test uses up another's budget. */
const newPhone = () => `+1415${exchange++}${randomInt(1000, 10_000)}`
const codeTo = (phone: string) => twilio.lastCodeTo(phone) ?? 'none'
const wrongCode = (code: string) => code.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10))
const advanceClocks = (seconds: number) => {
  for (const server of [gatehouse, other]) server.advanceClock(seconds)
}

const userWithPhone = async (phone = newPhone()) => {
  const user = await gatehouse.createUser()
  await gatehouse.givePhone(user, phone)
  return { user, phone }
}

/** Has a code sent for a challenge, and returns it. */
const sendCode = async (client: Client, challengeId: string, phone: string, factorId?: string) => {
  await client.ask(SendMfaCodeDocument, { input: { challengeId, ...(factorId && { factorId }) } })
  return codeTo(phone)
}

/** Begins to sign in, and returns the challenge and the code that was sent for it. */
const waitingLogin = async (user: TestUser, phone: string) => {
  const id = await loginChallenge(gatehouse.anonymous, user)
  return { id, code: await sendCode(gatehouse.anonymous, id, phone) }
}

/** Two challenges whose codes differ: one in a million pairs does not. */
const expectRefused = async (client: Client, challengeId: string, code: string, ownCode: string) => {
  expect(code).toMatch(/^\d{6}$/)
  if (code === ownCode) return
  expect(tally([await answerChallenge(client, challengeId, code)])).toEqual({ MFA_CODE_INVALID: 1 })
}

const elevated = (user: TestUser) =>
  gatehouse.signedInAs(user, ['PASSWORD', 'SMS'], new Date(gatehouse.now().getTime() + 5 * 60_000))

describe('A24: a code is refused', () => {
  test('at another login of the same user to the same number, in both directions and on every server', async () => {
    const { user, phone } = await userWithPhone()
    const [first, second] = [await waitingLogin(user, phone), await waitingLogin(user, phone)]
    for (const { anonymous } of [gatehouse, other]) {
      await expectRefused(anonymous, second.id, first.code, second.code)
      await expectRefused(anonymous, first.id, second.code, first.code)
    }
    await completeChallenge(other.anonymous, first.id, first.code, 'SignedIn')
    await expectUnharmed(gatehouse, { secrets: [first.code, second.code, phone] })
  })

  test('at the login of another user with the same number', async () => {
    const { user: mine, phone } = await userWithPhone()
    const { user: theirs } = await userWithPhone(phone)
    const [own, foreign] = [await waitingLogin(mine, phone), await waitingLogin(theirs, phone)]
    await expectRefused(gatehouse.anonymous, foreign.id, own.code, foreign.code)
    await completeChallenge(gatehouse.anonymous, own.id, own.code, 'SignedIn')
  })

  test('once it was used, at the same challenge and at the next one', async () => {
    const { user, phone } = await userWithPhone()
    const { id, code } = await waitingLogin(user, phone)
    await completeChallenge(gatehouse.anonymous, id, code, 'SignedIn')
    expect(tally([await answerChallenge(other.anonymous, id, code)])).toEqual({ CHALLENGE_EXPIRED: 1 })
    const unsent = await loginChallenge(gatehouse.anonymous, user)
    await expectRefused(other.anonymous, unsent, code, 'none')
    const next = await waitingLogin(user, phone)
    await expectRefused(other.anonymous, next.id, code, next.code)
  })

  test('after the next one was sent, which resets no failures', async () => {
    const { user, phone } = await userWithPhone()
    const { id, code: first } = await waitingLogin(user, phone)
    const { anonymous } = gatehouse
    const answer = (code: string) => anonymous.refused(VerifyMfaDocument, { input: { challengeId: id, code } })
    expect((await answer(wrongCode(first))).extensions).toEqual({ code: 'MFA_CODE_INVALID', attemptsRemaining: 4 })

    advanceClocks(31)
    const { sendMfaCode } = await anonymous.ask(SendMfaCodeDocument, { input: { challengeId: id } })
    expect(sendMfaCode.attemptsRemaining).toBe(4)
    const second = codeTo(phone)
    const void1 = first === second ? wrongCode(second) : first
    expect((await answer(void1)).extensions).toEqual({ code: 'MFA_CODE_INVALID', attemptsRemaining: 3 })
    for (const attemptsRemaining of [2, 1, 0]) {
      expect((await answer(wrongCode(second))).extensions).toEqual({ code: 'MFA_CODE_INVALID', attemptsRemaining })
    }
    expect((await answer(second)).extensions).toEqual({ code: 'CHALLENGE_EXPIRED' })
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ MFA_CODE_SENT: 2, MFA_FAILED: 5 })
  })

  test("when the challenge's newest code went to another number", async () => {
    const { user, phone } = await userWithPhone()
    const second = await gatehouse.givePhone(user, newPhone())
    const { email, password } = user
    const { login } = await gatehouse.anonymous.ask(LoginDocument, { input: { email, password } })
    if (login.__typename !== 'MfaRequired') throw new Error('No second factor was asked for')
    const { id, factors } = login.challenge
    const first = await sendCode(gatehouse.anonymous, id, phone, factors[0]?.id)
    advanceClocks(31)
    const newest = await sendCode(gatehouse.anonymous, id, second, factors[1]?.id)
    await expectRefused(gatehouse.anonymous, id, first, newest)
    await completeChallenge(gatehouse.anonymous, id, newest, 'SignedIn')
  })

  test('for another purpose: enrolment, sign-in and step-up each take their own only', async () => {
    const { user, phone } = await userWithPhone()
    const session = await elevated(user)
    const newNumber = newPhone()
    const { challenge } = await beginPhoneEnrolment(session, newNumber)
    const enrolmentCode = await sendCode(session, challenge.id, newNumber)
    const login = await waitingLogin(user, phone)
    const plain = await gatehouse.signedInAs(user)
    const { requestStepUp } = await plain.ask(RequestStepUpDocument, {})
    const stepUpCode = await sendCode(plain, requestStepUp.id, phone)

    await expectRefused(session, challenge.id, login.code, enrolmentCode)
    await expectRefused(session, challenge.id, stepUpCode, enrolmentCode)
    await expectRefused(gatehouse.anonymous, login.id, enrolmentCode, login.code)
    await expectRefused(gatehouse.anonymous, login.id, stepUpCode, login.code)
    await expectRefused(plain, requestStepUp.id, enrolmentCode, stepUpCode)
    await expectRefused(plain, requestStepUp.id, login.code, stepUpCode)
    await completeChallenge(plain, requestStepUp.id, stepUpCode, 'SteppedUp')
    await expectUnharmed(gatehouse, { secrets: [enrolmentCode, login.code, stepUpCode, phone, newNumber] })
  })

  test('after its number was removed, also where a challenge for it was open already', async () => {
    const { user, phone } = await userWithPhone()
    await gatehouse.givePhone(user, newPhone())
    const session = await elevated(user)
    const removed = (await session.ask(MyMfaDocument, {})).me.mfa.preferredFactor?.id ?? ''
    const open = await waitingLogin(user, phone)
    await session.ask(RemoveMfaFactorDocument, { id: removed })

    expect(tally([await answerChallenge(gatehouse.anonymous, open.id, open.code)]).OK).toBeUndefined()
    const id = await loginChallenge(gatehouse.anonymous, user)
    const { extensions } = await gatehouse.anonymous.refused(SendMfaCodeDocument, {
      input: { challengeId: id, factorId: removed },
    })
    expect(extensions).toEqual({ code: 'NOT_FOUND' })
    await expectRefused(gatehouse.anonymous, id, open.code, 'none')
  })
})

test('A24: of one code sent 50 times at once to two processes, one makes one session', async () => {
  const { accountSid, authToken, from, apiUrl } = twilio.settings
  const environment = {
    TWILIO_ACCOUNT_SID: accountSid,
    TWILIO_AUTH_TOKEN: authToken,
    TWILIO_FROM: from,
    TWILIO_API_URL: apiUrl,
  }
  const processes = await atOnce(2, [gatehouse.databaseUrl], (url) => startGatehouseProcess(url, environment))
  try {
    const doors = processes.map(({ anonymous }) => anonymous)
    for (let round = 0; round < roundsOf(3); round++) {
      const { user, phone } = await userWithPhone()
      const id = await loginChallenge(doors[0] as Client, user)
      const code = await sendCode(doors[1] as Client, id, phone)
      const answers = await atOnce(50, doors, (door) => answerChallenge(door, id, code))
      expect(tally(answers).OK).toBe(1)
      const won = answers.find(({ errors }) => !errors)?.data?.verifyMfa
      if (won?.__typename !== 'SignedIn') throw new Error('Nobody is signed in')
      const { listSessions } = await gatehouse.clientWith(won.sessionToken).ask(ListSessionsDocument, {})
      expect(listSessions).toHaveLength(1)
      expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ MFA_SUCCEEDED: 1, LOGIN_SUCCEEDED: 1 })
    }
  } finally {
    expect(await Promise.all(processes.map((server) => server.end()))).toEqual([0, 0])
  }
}, 120_000)

test('A25: neither the code nor the number is in any answer, header, log line, event, row or copy in Redis', async () => {
  const phone = newPhone()
  const session = await gatehouse.signedInAs(await gatehouse.createUser())
  const { challenge } = await beginPhoneEnrolment(session, phone)
  const input = { challengeId: challenge.id }
  const codes: string[] = []
  const answers = []
  for (let turn = 0; turn < 3; turn++) {
    answers.push(await session.send(SendMfaCodeDocument, { input }), await session.send(SendMfaCodeDocument, { input }))
    codes.push(codeTo(phone))
    answers.push(await answerChallenge(session, challenge.id, wrongCode(codeTo(phone))))
    advanceClocks(31)
  }
  answers.push(await session.sendText('{ securityEvents(first: 50) { edges { node { type details } } } }'))
  expect(tally(answers)).toEqual({ OK: 4, RATE_LIMITED: 3, MFA_CODE_INVALID: 3 })
  expect(twilio.messages.filter(({ to }) => to === phone)).toHaveLength(3)
  await expectUnharmed(gatehouse, { secrets: [...codes, phone, phone.slice(1), phone.slice(2)], answers })
  await completeChallenge(session, challenge.id, codes.at(-1) ?? '', 'MfaActivated')
  await expectUnharmed(gatehouse, { secrets: [...codes, phone, phone.slice(1), phone.slice(2)] })
})

describe('B12: a new number that is not confirmed yet', () => {
  test('receives no code for a sign-in, and its own code signs nobody in: the old one stays in force', async () => {
    const { user, phone } = await userWithPhone()
    const session = await elevated(user)
    const newNumber = newPhone()
    const { factor, challenge } = await beginPhoneEnrolment(session, newNumber)
    const enrolmentCode = await sendCode(session, challenge.id, newNumber)

    const { email, password } = user
    const { login } = await gatehouse.anonymous.ask(LoginDocument, { input: { email, password } })
    if (login.__typename !== 'MfaRequired') throw new Error('No second factor was asked for')
    expect(login.challenge.factors.map(({ id }) => id)).not.toContain(factor.id)
    const input = { challengeId: login.challenge.id }
    const toNew = await gatehouse.anonymous.refused(SendMfaCodeDocument, { input: { ...input, factorId: factor.id } })
    expect(toNew.extensions).toEqual({ code: 'NOT_FOUND' })
    const code = await sendCode(gatehouse.anonymous, input.challengeId, phone)
    expect(twilio.messages.filter(({ to }) => to === newNumber)).toHaveLength(1)
    await expectRefused(gatehouse.anonymous, input.challengeId, enrolmentCode, code)
    await completeChallenge(gatehouse.anonymous, input.challengeId, code, 'SignedIn')
  })

  test('wants a fresh proof by the factor in force first, and sends nothing without', async () => {
    const { user } = await userWithPhone()
    const newNumber = newPhone()
    const session = await gatehouse.signedInAs(user)
    const { extensions } = await session.refused(EnrolMfaDocument, { input: { method: 'SMS', phoneNumber: newNumber } })
    expect(extensions.code).toBe('STEP_UP_REQUIRED')
    expect(twilio.messages.filter(({ to }) => to === newNumber)).toEqual([])
  })

  test.each(['phoneVerified: true', 'status: ACTIVE', 'activatedAt: "2026-01-01T00:00:00Z"'])(
    'can not be declared confirmed by %s',
    async (flag) => {
      const session = await gatehouse.signedInAs(await gatehouse.createUser())
      const { errors } = await session.sendText(
        `mutation { enrolMfa(input: { method: SMS, phoneNumber: "${newPhone()}", ${flag} }) { __typename } }`,
      )
      expect(errors).not.toBeUndefined()
      expect((await session.ask(MyMfaDocument, {})).me.mfa.factors).toEqual([])
    },
  )
})
