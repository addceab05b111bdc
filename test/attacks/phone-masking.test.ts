import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectUnharmed, occursIn } from '../support/attack.ts'
import type { Answer, Client } from '../support/client.ts'
import {
  AuditEventsDocument,
  EnrolMfaDocument,
  LoginDocument,
  MyMfaDocument,
  RequestStepUpDocument,
  SecurityEventsDocument,
  SendMfaCodeDocument,
} from '../support/documents.generated.ts'
import { codeSentTo, eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { beginPhoneEnrolment, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { startTwilioServer } from '../support/twilio-server.ts'

const phone = '+14155550123'
const masked = '+1********23'
/** The number as a whole, as Twilio's errors and URLs write it, and as people do. */
const spellings = [phone, '14155550123', '4155550123', '%2B14155550123', '(415) 555-0123', '415-555-0123']

const twilio = await startTwilioServer()
afterAll(() => twilio.close())

/** Takes what the client warns of out of the logs, where Twilio's status would pass for one of ours. */
const warningsIn = ({ logs }: Gatehouse): string => {
  const isWarning = (line: string) => line.includes('Twilio did not take')
  const all = logs.splice(0)
  logs.push(...all.filter((line) => !isWarning(line)))
  return all.filter(isWarning).join('')
}

describe.each([
  { where: 'with Twilio', config: { twilio: twilio.settings } },
  { where: 'with the development outbox', config: { twilio: null } },
])('C8: $where a phone number is read by nobody, its owner included:', ({ config }) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ config })
  })
  afterAll(() => gatehouse.close())

  const codeSent = async () =>
    config.twilio ? (twilio.lastCodeTo(phone) ?? 'none') : await codeSentTo(gatehouse, phone)

  test('over all of its life no answer, header, log line, event, row or copy in Redis holds it, or a code', async () => {
    const user = await gatehouse.createUser()
    const answers: Answer<unknown>[] = []
    const codes: string[] = []
    const sendCode = async (client: Client, challengeId: string) => {
      const answer = await client.send(SendMfaCodeDocument, { input: { challengeId } })
      expect(answer.data?.sendMfaCode.sentTo).toBe(masked)
      answers.push(answer)
      codes.push(await codeSent())
      return codes.at(-1) ?? ''
    }

    const session = await gatehouse.signedInAs(user)
    const { factor, challenge } = await beginPhoneEnrolment(session, phone)
    expect([factor.maskedPhoneNumber, challenge.factors[0]?.maskedPhoneNumber]).toEqual([masked, masked])
    const enrolmentCode = await sendCode(session, challenge.id)
    const { sessionToken } = await completeChallenge(session, challenge.id, enrolmentCode, 'MfaActivated')
    const renewed = gatehouse.clientWith(sessionToken)

    const { email, password } = user
    const half = await gatehouse.anonymous.send(LoginDocument, { input: { email, password } })
    expect(half.text).toContain(`"maskedPhoneNumber":"${masked}"`)
    const login = half.data?.login
    const challengeId = login?.__typename === 'MfaRequired' ? login.challenge.id : ''
    await sendCode(gatehouse.anonymous, challengeId)
    answers.push(half, await gatehouse.anonymous.send(SendMfaCodeDocument, { input: { challengeId } }))

    const auditor = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'AUDITOR' }))
    answers.push(
      await renewed.send(MyMfaDocument, {}),
      await renewed.send(RequestStepUpDocument, {}),
      await renewed.send(EnrolMfaDocument, { input: { method: 'SMS', phoneNumber: phone } }),
      await renewed.send(SecurityEventsDocument, { first: 100 }),
      await auditor.send(AuditEventsDocument, { first: 100, filter: { userId: user.id } }),
    )
    await completeChallenge(gatehouse.anonymous, challengeId, codes.at(-1) ?? '', 'SignedIn')

    const notices = await eventually(async () => {
      const mail = await gatehouse.mailTo(email)
      return mail.length > 0 && mail
    })
    for (const spelling of [...spellings, ...codes]) expect(JSON.stringify(notices)).not.toContain(spelling)
    // The development outbox is the phone: its message bears the number, and the code sealed.
    const shown = await gatehouse.sql`DELETE FROM outgoing_messages WHERE channel = 'SMS' RETURNING *`
    expect(shown).toHaveLength(config.twilio ? 0 : codes.length)
    expect(codes.filter((code) => occursIn(JSON.stringify(shown), code))).toEqual([])
    await expectUnharmed(gatehouse, { secrets: [...spellings, ...codes], answers })
  })

  test.each([
    ['of a country that is not on the list', '+992917123456'],
    ['that is none', '+1 415 555 01234567'],
    ['without its country code', '415 555 9876'],
  ])('a refused number, %s, is not quoted back or logged, sent as a variable or in the text', async (_which, typed) => {
    const session = await gatehouse.signedInAs(await gatehouse.createUser())
    const answers = [
      await session.send(EnrolMfaDocument, { input: { method: 'SMS', phoneNumber: typed } }),
      await session.sendText(`mutation { enrolMfa(input: { method: SMS, phoneNumber: "${typed}" }) { __typename } }`),
    ]
    for (const { errors } of answers) expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')
    await expectUnharmed(gatehouse, { secrets: [typed, typed.replace(/[+ ]/g, '')], answers })
  })
})

test.each(['invalid', 'error', 'rate-limited', 'refuse', 'hang'] as const)(
  'C8: a number that Twilio quotes in its error is passed on to nobody (Twilio: %s)',
  async (behaviour) => {
    const gatehouse = await startGatehouse({ config: { twilio: twilio.settings } })
    try {
      const user = await gatehouse.createUser()
      await gatehouse.givePhone(user, phone)
      twilio.behave(behaviour)
      const challengeId = await loginChallenge(gatehouse.anonymous, user)
      const answer = await gatehouse.anonymous.send(SendMfaCodeDocument, { input: { challengeId } })
      expect(answer.errors).toHaveLength(1)
      const secrets = [...spellings, twilio.settings.authToken]
      const warnings = warningsIn(gatehouse)
      expect(secrets.filter((secret) => warnings.includes(secret))).toEqual([])
      await expectUnharmed(gatehouse, { secrets, answers: [answer] })
    } finally {
      twilio.behave('ok')
      await gatehouse.close()
    }
  },
)
