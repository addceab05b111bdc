import { randomInt, randomUUID } from 'node:crypto'
import {
  ChangeEmailDocument,
  ConfirmEmailDocument,
  EnrolMfaDocument,
  LoginDocument,
  MeDocument,
  RecordConsentDocument,
  RefreshSessionDocument,
  RegisterDocument,
  RequestPasswordResetDocument,
  RevokeSessionDocument,
  SendMfaCodeDocument,
  UnlockUserDocument,
  VerifyMfaDocument,
} from './documents.generated.ts'
import { eventually, type Gatehouse } from './gatehouse.ts'
import type { startMailbox } from './mailbox.ts'
import { at, firefox } from './places.ts'
import { answerChallenge, beginEnrolment } from './second-factor.ts'
import { totpCode } from './totp.ts'

export type Traces = ReturnType<typeof newTraces>

/** What identifies a person, each once in the world: tests share one Redis, which keeps what others left there. */
export const newTraces = () => {
  const person = randomInt(100_000, 1_000_000)
  const host = randomInt(100, 255)
  return {
    email: `Canary.Alice.${person}@Example.com`,
    newEmail: `canary.next.${person}@example.org`,
    name: `Canary Quillfeather ${person}`,
    label: `Canary keyfob ${person}`,
    phoneLabel: `Canary handset ${person}`,
    phone: `+1415555${randomInt(1_000, 10_000)}`,
    userAgent: `Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 CanaryBrowser/7.${person}`,
    address: `129.132.77.${host}`,
    otherAddress: `128.178.77.${host}`,
  } as const
}

export const password = 'quills and feathers of a canary'

/**
 * An administrator who did all that leaves something behind, on two servers that trust their proxy and mail to `mailbox`, and is
 * signed in on both: at `home` with a fresh proof.
 */
export const userWithEverything = async (
  home: Gatehouse,
  away: Gatehouse,
  mailbox: Pick<Awaited<ReturnType<typeof startMailbox>>, 'tokenTo'>,
  { email, newEmail, name, label, phoneLabel, phone, userAgent, address, otherAddress }: Traces,
) => {
  const from = (server: Gatehouse, token: string | null = null) => at(server.clientWith(token), address, userAgent)
  const tokens: string[] = []
  const signedIn = (token: string | null | undefined): string => {
    if (!token) throw new Error('There is no token')
    tokens.push(token)
    return token
  }

  await from(home).ask(RegisterDocument, { input: { email, password, displayName: name } })
  const confirmation = await mailbox.tokenTo(email)
  await home.sql`UPDATE users SET role = 'ADMIN' WHERE email = ${email}`
  const { confirmEmail } = await from(home).ask(ConfirmEmailDocument, { input: { token: confirmation } })
  let token = signedIn(confirmEmail.sessionToken)
  const { id } = (await from(home, token).ask(MeDocument, {})).me

  const app = await from(home, token).ask(EnrolMfaDocument, { input: { method: 'TOTP', label } })
  if (app.enrolMfa.__typename !== 'TotpEnrolment') throw new Error('No seed came')
  const { secret: seed, challenge } = app.enrolMfa
  const active = await answerChallenge(from(home, token), challenge.id, totpCode(seed, home.now()))
  if (active.data?.verifyMfa.__typename !== 'MfaActivated') throw new Error(active.text)
  const codes = active.data.verifyMfa.backupCodes?.codes ?? []
  token = signedIn(active.data.verifyMfa.sessionToken)

  const input = { method: 'SMS', label: phoneLabel, phoneNumber: phone } as const
  const enrolled = await from(home, token).ask(EnrolMfaDocument, { input })
  const phoneChallenge = enrolled.enrolMfa.challenge.id
  await from(home, token).ask(SendMfaCodeDocument, { input: { challengeId: phoneChallenge } })
  const [text] = await home.sql`SELECT id, sealed_text FROM outgoing_messages WHERE channel = 'SMS' ORDER BY id DESC`
  const sent = /\d{6}/.exec(home.keys.open(text?.sealed_text, text?.id))?.[0] ?? ''
  const withPhone = await answerChallenge(from(home, token), phoneChallenge, sent)
  if (withPhone.data?.verifyMfa.__typename !== 'MfaActivated') throw new Error(withPhone.text)
  token = signedIn(withPhone.data.verifyMfa.sessionToken)
  await beginEnrolment(from(home, token))

  const asked = await from(away).ask(LoginDocument, { input: { email, password } })
  if (asked.login.__typename !== 'MfaRequired') throw new Error('No second factor was asked for')
  const proof = { challengeId: asked.login.challenge.id, code: codes[0] ?? '', trustDevice: true }
  const { verifyMfa } = await from(away).ask(VerifyMfaDocument, { input: proof })
  if (verifyMfa.__typename !== 'SignedIn') throw new Error('Nobody is signed in')
  const { deviceToken } = verifyMfa
  const away1 = signedIn(verifyMfa.sessionToken)
  const refreshed = await from(away, away1).ask(RefreshSessionDocument, {})
  const awayToken = signedIn(refreshed.refreshSession.sessionToken)

  for (const granted of [true, false]) {
    const decision = { purpose: 'newsletter', version: '2026-11', granted }
    await from(home, token).ask(RecordConsentDocument, { input: decision })
  }
  const bystander = await home.createUser()
  await from(home, token).ask(UnlockUserDocument, { id: bystander.id })
  await from(home).ask(RequestPasswordResetDocument, { email })
  await from(home, token).ask(ChangeEmailDocument, { newEmail })
  await from(away).ask(RegisterDocument, { input: { email, password: `${password} again` } })
  await from(away).send(LoginDocument, { input: { email, password: 'not of this canary' } })
  await from(home).ask(LoginDocument, { input: { email, password } }) // leaves a challenge open
  for (const _time of [1, 2, 3]) await from(home, token).refused(RevokeSessionDocument, { id: randomUUID() })
  await at(away.clientWith(awayToken), otherAddress, firefox).ask(MeDocument, {})
  await eventually(async () => (await home.sql`SELECT 1 FROM session_contexts`).length > 0)
  await home.sql`
    INSERT INTO session_tickets (token_hash, user_id, proofs, trusts_device, transport, created_at, expires_at)
    VALUES (${randomUUID()}, ${id}, '{PASSWORD}', false, 'BEARER', now(), now() + interval '5 minutes')`
  await eventually(async () => {
    const waiting = await home.sql`SELECT 1 FROM outgoing_messages WHERE sent_at IS NULL`
    return waiting.length === 0
  })
  return { id, email, token, awayToken, tokens, deviceToken, codes, bystander, from }
}
