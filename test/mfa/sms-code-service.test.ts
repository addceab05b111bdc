import { randomInt, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../support/client.ts'
import { EnrolMfaDocument, LoginDocument, MyMfaDocument, SendMfaCodeDocument } from '../support/documents.generated.ts'
import { codeSentTo, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { answerChallenge, beginPhoneEnrolment, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'
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

/** A number with a prefix of its own, so that no test uses up another's budget. */
let exchange = 200
const newPhone = () => `+1415${exchange++}${randomInt(1000, 10_000)}`
const advanceClocks = (seconds: number) => {
  for (const server of [gatehouse, other]) server.advanceClock(seconds)
}
const messagesTo = (phone: string) => twilio.messages.filter(({ to }) => to === phone)
const codeTo = (phone: string) => twilio.lastCodeTo(phone) ?? 'none'

const send = (client: Client, challengeId: string, factorId?: string) =>
  client.send(SendMfaCodeDocument, { input: { challengeId, ...(factorId && { factorId }) } })
const refusal = async (client: Client, challengeId: string, factorId?: string) =>
  (await client.refused(SendMfaCodeDocument, { input: { challengeId, ...(factorId && { factorId }) } })).extensions
const sent = async (client: Client, challengeId: string, factorId?: string) =>
  (await client.ask(SendMfaCodeDocument, { input: { challengeId, ...(factorId && { factorId }) } })).sendMfaCode

const userWithPhone = async (phone = newPhone()) => {
  const user = await gatehouse.createUser()
  await gatehouse.givePhone(user, phone)
  return { user, phone }
}

/** A login that waits for a code, which was sent. */
const waitingLogin = async () => {
  const { user, phone } = await userWithPhone()
  const id = await loginChallenge(gatehouse.anonymous, user)
  await sent(gatehouse.anonymous, id)
  return { user, phone, id }
}

const beginLogin = async ({ email, password }: TestUser) => {
  const { login } = await gatehouse.anonymous.ask(LoginDocument, { input: { email, password } })
  if (login.__typename !== 'MfaRequired') throw new Error('No second factor was asked for')
  return login.challenge
}

describe('enrolling a phone number', () => {
  test('begins with a notice of the risk, a pending factor and a masked number, and its code puts it in force', async () => {
    const phone = newPhone()
    const user = await gatehouse.createUser()
    const session = await gatehouse.signedInAs(user)
    const { riskNotice, factor, challenge } = await beginPhoneEnrolment(session, phone)
    const masked = `+1********${phone.slice(-2)}`
    expect(riskNotice).toMatch(/weaker/)
    expect(factor).toMatchObject({ status: 'PENDING', preferred: false, maskedPhoneNumber: masked })
    expect(challenge).toMatchObject({
      purpose: 'ENROLMENT',
      methods: ['SMS'],
      factors: [{ id: factor.id, maskedPhoneNumber: masked }],
      sentTo: null,
      resendAvailableAt: null,
    })
    expect(messagesTo(phone)).toEqual([])

    expect(await sent(session, challenge.id)).toMatchObject({ id: challenge.id, sentTo: masked, attemptsRemaining: 5 })
    expect(messagesTo(phone)).toHaveLength(1)
    const activated = await completeChallenge(session, challenge.id, codeTo(phone), 'MfaActivated')
    expect(activated).toMatchObject({ factor: { id: factor.id, status: 'ACTIVE', preferred: true } })
    const { me } = await gatehouse.clientWith(activated.sessionToken).ask(MyMfaDocument, {})
    expect(me.mfa).toMatchObject({ enabled: true, factors: [{ status: 'ACTIVE', maskedPhoneNumber: masked }] })
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ MFA_CODE_SENT: 1, MFA_ENROLLED: 1 })
  })

  test.each([
    ['a country that is not on the list', '+992917123456'],
    ['a premium number', '+19002345678'],
    ['a toll-free number', '+18002345678'],
    ['a fixed line', '+442079460123'],
    ['a personal number, which its owner is paid for', '+447012345678'],
    ['no number at all', 'twelve'],
    ['a number without its country code', '4155552671'],
    ['a number with an extension', '+14155552671 ext. 5'],
  ])('is refused for %s, and nothing is sent', async (_what, phoneNumber) => {
    const session = await gatehouse.signedInAs(await gatehouse.createUser())
    const before = twilio.requests()
    const { extensions } = await session.refused(EnrolMfaDocument, { input: { method: 'SMS', phoneNumber } })
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'input.phoneNumber' }] })
    expect(JSON.stringify(extensions)).not.toContain(phoneNumber)
    expect(twilio.requests()).toBe(before)
    expect((await session.ask(MyMfaDocument, {})).me.mfa.factors).toEqual([])
  })

  test('goes by the configured list of countries', async () => {
    const dutch = await startGatehouse({
      config: { twilio: twilio.settings, smsCountries: ['NL'] },
      databaseUrl: gatehouse.databaseUrl,
    })
    try {
      const session = dutch.clientWith((await gatehouse.signedInAs(await gatehouse.createUser())).token)
      const american = { input: { method: 'SMS', phoneNumber: newPhone() } } as const
      expect((await session.refused(EnrolMfaDocument, american)).extensions.code).toBe('BAD_USER_INPUT')
      await beginPhoneEnrolment(session, '+31612345678')
    } finally {
      await dutch.close()
    }
  })

  test('is refused for a number that is a factor already, in whatever spelling', async () => {
    const { user, phone } = await userWithPhone()
    const session = await gatehouse.signedInAs(user, ['PASSWORD', 'SMS'], new Date(gatehouse.now().getTime() + 60_000))
    const phoneNumber = `+1 (415) ${phone.slice(5, 8)}-${phone.slice(8)}`
    const { extensions } = await session.refused(EnrolMfaDocument, { input: { method: 'SMS', phoneNumber } })
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'input.phoneNumber' }] })
  })

  test('sends to one number, however it was spelled', async () => {
    const phone = newPhone()
    const session = await gatehouse.signedInAs(await gatehouse.createUser())
    const { challenge } = await beginPhoneEnrolment(session, `tel:+1-415.${phone.slice(5, 8)} ${phone.slice(8)}`)
    await sent(session, challenge.id)
    expect(messagesTo(phone)).toHaveLength(1)
  })
})

describe('signing in by text message', () => {
  test('whoever holds the challenge has the code sent, sees the number masked, and signs in with it', async () => {
    const { user, phone } = await userWithPhone()
    const challenge = await beginLogin(user)
    expect(challenge).toMatchObject({ methods: ['SMS'], sentTo: null, resendAvailableAt: null })
    const before = gatehouse.now().getTime()
    const after = await sent(gatehouse.anonymous, challenge.id)
    expect(after).toMatchObject({ id: challenge.id, sentTo: `+1********${phone.slice(-2)}`, methods: ['SMS'] })
    const wait = new Date(String(after.resendAvailableAt)).getTime() - before
    expect(wait).toBeGreaterThanOrEqual(30_000)
    expect(wait).toBeLessThan(33_000)

    expect(messagesTo(phone)).toHaveLength(1)
    expect(messagesTo(phone)[0]).toMatchObject({ from: twilio.settings.from })
    expect(messagesTo(phone)[0]?.body).toMatch(/^\d{6} is your Gatehouse code, good for 5 minutes\./)
    const { session } = await completeChallenge(other.anonymous, challenge.id, codeTo(phone), 'SignedIn')
    expect(session).toMatchObject({ authenticationMethods: ['PASSWORD', 'SMS'], assurance: 'AAL2' })
    const history = await historyOf(gatehouse, user)
    expect(countTypes(history)).toMatchObject({ MFA_CODE_SENT: 1, MFA_SUCCEEDED: 1, LOGIN_SUCCEEDED: 1 })
    expect(history.find(({ type }) => type === 'MFA_CODE_SENT')).toMatchObject({ outcome: 'SUCCESS' })
  })

  test('no challenge sends a code by itself', async () => {
    const { user, phone } = await userWithPhone()
    await beginLogin(user)
    expect(messagesTo(phone)).toEqual([])
  })

  test('the code goes to the factor that was asked for, to the preferred one without a word', async () => {
    const { user, phone } = await userWithPhone()
    const second = await gatehouse.givePhone(user, newPhone())
    const challenge = await beginLogin(user)
    expect(challenge.factors).toHaveLength(2)
    const [firstFactor, secondFactor] = challenge.factors
    await sent(gatehouse.anonymous, challenge.id)
    expect([messagesTo(phone).length, messagesTo(second).length]).toEqual([1, 0])

    const elsewhere = await sent(gatehouse.anonymous, await loginChallenge(gatehouse.anonymous, user), secondFactor?.id)
    expect(elsewhere.sentTo).toBe(secondFactor?.maskedPhoneNumber)
    expect([messagesTo(phone).length, messagesTo(second).length]).toEqual([1, 1])
    expect(firstFactor?.preferred).toBe(true)
    await completeChallenge(gatehouse.anonymous, elsewhere.id, codeTo(second), 'SignedIn')
  })
})

describe('sending again', () => {
  test('before the pause is over is refused on every server with the seconds to wait, and sends nothing', async () => {
    const { user, phone, id } = await waitingLogin()
    for (const { anonymous } of [gatehouse, other]) {
      const { errors, status, headers } = await send(anonymous, id)
      expect(errors?.[0]?.extensions).toEqual({ code: 'RATE_LIMITED', retryAfterSeconds: expect.any(Number) })
      const seconds = Number(errors?.[0]?.extensions.retryAfterSeconds)
      expect(seconds).toBeGreaterThan(20)
      expect(seconds).toBeLessThanOrEqual(30)
      expect({ status, retryAfter: headers.get('retry-after') }).toEqual({ status: 429, retryAfter: String(seconds) })
    }
    expect(messagesTo(phone)).toHaveLength(1)
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ MFA_CODE_SENT: 1, RATE_LIMITED: 2 })
    await completeChallenge(gatehouse.anonymous, id, codeTo(phone), 'SignedIn')
  })

  test('goes five times for a challenge, and no more however long one waits', async () => {
    const { phone, id } = await waitingLogin()
    for (let turn = 2; turn <= 5; turn++) {
      advanceClocks(31)
      await sent(gatehouse.anonymous, id)
    }
    advanceClocks(31)
    expect(await refusal(gatehouse.anonymous, id)).toMatchObject({ code: 'RATE_LIMITED' })
    expect(messagesTo(phone)).toHaveLength(5)
    await completeChallenge(gatehouse.anonymous, id, codeTo(phone), 'SignedIn')
  })

  test('of 50 requests at once over two servers, one sends', async () => {
    const { user, phone } = await userWithPhone()
    const id = await loginChallenge(gatehouse.anonymous, user)
    const answers = await atOnce(50, [gatehouse.anonymous, other.anonymous], (door) => send(door, id))
    expect(tally(answers)).toEqual({ OK: 1, RATE_LIMITED: 49 })
    expect(messagesTo(phone)).toHaveLength(1)
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ MFA_CODE_SENT: 1, RATE_LIMITED: 49 })
    await completeChallenge(gatehouse.anonymous, id, codeTo(phone), 'SignedIn')
  })
})

describe('a code', () => {
  test('is good until five minutes after it was sent, and no longer', async () => {
    const [timely, late] = [await waitingLogin(), await waitingLogin()]
    const { anonymous } = gatehouse
    advanceClocks(295)
    await completeChallenge(anonymous, timely.id, codeTo(timely.phone), 'SignedIn')
    advanceClocks(6)
    const { errors } = await answerChallenge(anonymous, late.id, codeTo(late.phone))
    expect(errors?.[0]?.extensions).toEqual({ code: 'MFA_CODE_INVALID', attemptsRemaining: 4 })
    await sent(anonymous, late.id)
    await completeChallenge(anonymous, late.id, codeTo(late.phone), 'SignedIn')
  })

  test('that is too old stays so while the next one is on its way', async () => {
    const { phone, id } = await waitingLogin()
    const old = codeTo(phone)
    advanceClocks(301)
    const before = twilio.requests()
    twilio.behave('hang')
    try {
      const sending = send(gatehouse.anonymous, id)
      await expect.poll(twilio.requests).toBe(before + 1)
      const meanwhile = await answerChallenge(gatehouse.anonymous, id, old)
      expect(tally([await sending])).toEqual({ DELIVERY_FAILED: 1 })
      expect(tally([meanwhile])).toEqual({ MFA_CODE_INVALID: 1 })
    } finally {
      twilio.behave('ok')
    }
    expect(tally([await answerChallenge(gatehouse.anonymous, id, old)])).toEqual({ MFA_CODE_INVALID: 1 })
  })
})

describe('a code is not sent', () => {
  test('without an open challenge: a random id, a spent one, an expired one, no id at all', async () => {
    const { user, phone, id } = await waitingLogin()
    await completeChallenge(gatehouse.anonymous, id, codeTo(phone), 'SignedIn')
    const expired = await loginChallenge(gatehouse.anonymous, user)
    advanceClocks(601)
    const session = await gatehouse.signedInAs(user)
    for (const challengeId of [randomUUID(), id, expired, 'no id', '']) {
      for (const client of [gatehouse.anonymous, session]) {
        expect(await refusal(client, challengeId)).toEqual({ code: 'CHALLENGE_EXPIRED' })
      }
    }
    expect(messagesTo(phone)).toHaveLength(1)
  })

  test("for another session's challenge, be it of the same user", async () => {
    const phone = newPhone()
    const user = await gatehouse.createUser()
    const owner = await gatehouse.signedInAs(user)
    const { challenge } = await beginPhoneEnrolment(owner, phone)
    const strangers = [
      gatehouse.anonymous,
      await gatehouse.signedInAs(user),
      await gatehouse.signedInAs(await gatehouse.createUser()),
    ]
    for (const stranger of strangers) {
      expect(await refusal(stranger, challenge.id)).toEqual({ code: 'CHALLENGE_EXPIRED' })
    }
    expect(messagesTo(phone)).toEqual([])
    await sent(owner, challenge.id)
  })

  test("for a factor that is not the challenge's, which is as unknown as a random id", async () => {
    const [{ user, phone }, { user: victim, phone: theirs }] = [await userWithPhone(), await userWithPhone()]
    const { id } = await beginLogin(user)
    const foreign = (await beginLogin(victim)).factors[0]?.id ?? ''
    const answers = [await send(gatehouse.anonymous, id, foreign), await send(gatehouse.anonymous, id, randomUUID())]
    expect(answers[0]?.errors?.[0]?.extensions).toEqual({ code: 'NOT_FOUND' })
    expect(answers[0]?.text).toBe(answers[1]?.text)
    expect([...messagesTo(phone), ...messagesTo(theirs)]).toEqual([])
  })

  test('to answer a challenge that only an app can answer', async () => {
    const user = await gatehouse.createUser()
    const seed = await gatehouse.giveTotp(user)
    const { id, factors } = await beginLogin(user)
    for (const factorId of [undefined, factors[0]?.id]) {
      expect(await refusal(gatehouse.anonymous, id, factorId)).toMatchObject({
        code: 'BAD_USER_INPUT',
        fields: [{ path: 'input.challengeId' }],
      })
    }
    await completeChallenge(gatehouse.anonymous, id, totpCode(seed, gatehouse.now()), 'SignedIn')
  })
})

describe('without Twilio', () => {
  test('in development the message stands in the outbox, asked for with + or %2B', async () => {
    const own = await startGatehouse()
    try {
      const user = await own.createUser()
      const phone = await own.givePhone(user)
      const id = await loginChallenge(own.anonymous, user)
      await own.anonymous.ask(SendMfaCodeDocument, { input: { challengeId: id } })
      for (const to of [encodeURIComponent(phone), phone]) {
        const messages = await (await fetch(`${own.url}/outbox.json?to=${to}`)).json()
        expect(messages).toMatchObject([{ channel: 'SMS', to: phone, text: expect.stringMatching(/^\d{6} /) }])
      }
      await completeChallenge(own.anonymous, id, await codeSentTo(own, phone), 'SignedIn')
    } finally {
      await own.close()
    }
  })

  test('production offers no text messages: not at enrolment, not in a challenge, not at sending', async () => {
    const own = await startGatehouse({ config: { isProduction: true } })
    try {
      const session = await own.signedInAs(await own.createUser())
      const phoneNumber = newPhone()
      const enrolment = await session.refused(EnrolMfaDocument, { input: { method: 'SMS', phoneNumber } })
      expect(enrolment.extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'input.method' }] })

      const user = await own.createUser()
      await own.givePhone(user)
      await own.giveBackupCodes(user)
      const { email, password } = user
      const { login } = await own.anonymous.ask(LoginDocument, { input: { email, password } })
      if (login.__typename !== 'MfaRequired') throw new Error('No second factor was asked for')
      expect(login.challenge).toMatchObject({ methods: ['BACKUP_CODE'], factors: [] })
      expect(await refusal(own.anonymous, login.challenge.id)).toMatchObject({ code: 'BAD_USER_INPUT' })
    } finally {
      await own.close()
    }
  })
})
