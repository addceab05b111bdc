import type { Answer, Client } from './client.ts'
import {
  EnrolMfaDocument,
  type EnrolMfaMutation,
  LoginDocument,
  VerifyMfaDocument,
  type VerifyMfaMutation,
} from './documents.generated.ts'
import type { TestUser } from './gatehouse.ts'

/** Passes the password and returns the id of the challenge that follows. */
export const loginChallenge = async (client: Client, { email, password }: TestUser): Promise<string> => {
  const { login } = await client.ask(LoginDocument, { input: { email, password } })
  if (login.__typename !== 'MfaRequired') throw new Error('No second factor was asked for')
  return login.challenge.id
}

type Enrolment<Kind extends EnrolMfaMutation['enrolMfa']['__typename']> = Extract<
  EnrolMfaMutation['enrolMfa'],
  { __typename: Kind }
>

/** Begins to enrol an authenticator app. */
export const beginEnrolment = async (client: Client): Promise<Enrolment<'TotpEnrolment'>> => {
  const { enrolMfa } = await client.ask(EnrolMfaDocument, { input: { method: 'TOTP' } })
  if (enrolMfa.__typename !== 'TotpEnrolment') throw new Error(`The enrolment is a ${enrolMfa.__typename}`)
  return enrolMfa
}

/** Begins to enrol a phone number. */
export const beginPhoneEnrolment = async (client: Client, phoneNumber: string): Promise<Enrolment<'SmsEnrolment'>> => {
  const { enrolMfa } = await client.ask(EnrolMfaDocument, { input: { method: 'SMS', phoneNumber } })
  if (enrolMfa.__typename !== 'SmsEnrolment') throw new Error(`The enrolment is a ${enrolMfa.__typename}`)
  return enrolMfa
}

/** Answers a challenge, whatever comes of it. */
export const answerChallenge = (
  client: Client,
  challengeId: string,
  code: string,
): Promise<Answer<VerifyMfaMutation>> => client.send(VerifyMfaDocument, { input: { challengeId, code } })

/** Answers a challenge that must be completed by this code, in this way. */
export const completeChallenge = async <Result extends VerifyMfaMutation['verifyMfa']['__typename']>(
  client: Client,
  challengeId: string,
  code: string,
  result: Result,
): Promise<Extract<VerifyMfaMutation['verifyMfa'], { __typename: Result }>> => {
  const { verifyMfa } = await client.ask(VerifyMfaDocument, { input: { challengeId, code } })
  if (verifyMfa.__typename !== result) throw new Error(`The challenge was completed as ${verifyMfa.__typename}`)
  return verifyMfa as Extract<VerifyMfaMutation['verifyMfa'], { __typename: Result }>
}
