import { createRequire } from 'node:module'
import type JsQR from 'jsqr'
import { PNG } from 'pngjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  AuditEventsDocument,
  ConfirmEmailDocument,
  ListSessionsDocument,
  LoginDocument,
  MeDocument,
  RegisterDocument,
  RevokeSessionDocument,
  SecurityEventsDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import { confirmationTokenTo, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { beginEnrolment } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

const jsQR = createRequire(import.meta.url)('jsqr') as typeof JsQR.default

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

/** What a phone's camera makes of the picture. */
const readQrCode = (dataUrl: string): string => {
  const { data, width, height } = PNG.sync.read(Buffer.from(dataUrl.replace('data:image/png;base64,', ''), 'base64'))
  return jsQR(new Uint8ClampedArray(data), width, height)?.data ?? ''
}

const email = 'ada@example.com'
const password = 'the analytical engine weaves'

test('a person signs up, scans the QR code, signs in with a code, ends a session, and an administrator reads of it', async () => {
  const { anonymous, clientWith } = gatehouse

  await anonymous.ask(RegisterDocument, { input: { email, password, displayName: 'Ada' } })
  const token = await confirmationTokenTo(gatehouse, email)
  const { confirmEmail } = await anonymous.ask(ConfirmEmailDocument, { input: { token } })
  expect(confirmEmail.user).toMatchObject({
    email,
    displayName: 'Ada',
    role: 'USER',
    status: 'ACTIVE',
    mfa: { enabled: false },
  })
  expect(confirmEmail.session).toMatchObject({ current: true, assurance: 'AAL1', elevatedUntil: null })

  const first = clientWith(confirmEmail.sessionToken)
  const enrolMfa = await beginEnrolment(first)
  const scanned = new URL(readQrCode(enrolMfa.qrCode))
  expect(scanned.href).toBe(enrolMfa.otpauthUri)
  expect(decodeURIComponent(scanned.pathname)).toContain(email)
  expect(enrolMfa.qrCodeSvg).toMatch(/^<svg /)
  const seed = scanned.searchParams.get('secret') as string
  expect(seed).toMatch(/^[A-Z2-7]{32}$/)

  const firstCode = totpCode(seed, gatehouse.now())
  const activated = await first.ask(VerifyMfaDocument, {
    input: { challengeId: enrolMfa.challenge.id, code: firstCode },
  })
  if (activated.verifyMfa.__typename !== 'MfaActivated') throw new Error('The factor was not activated')
  expect(new Set(activated.verifyMfa.backupCodes?.codes).size).toBe(10)
  expect(activated.verifyMfa.mfa).toEqual({
    enabled: true,
    backupCodesRemaining: 10,
    preferredFactor: { id: enrolMfa.factor.id },
  })
  const raised = clientWith(activated.verifyMfa.sessionToken)
  expect((await first.refused(MeDocument, {})).extensions.code).toBe('UNAUTHENTICATED')

  gatehouse.advanceClock(30)
  const { login } = await anonymous.ask(LoginDocument, { input: { email: 'ADA@example.com', password } })
  if (login.__typename !== 'MfaRequired') throw new Error('No second factor was asked for')
  expect(login.challenge).toMatchObject({
    purpose: 'LOGIN',
    attemptsRemaining: 5,
    methods: ['TOTP', 'BACKUP_CODE'],
    factors: [{ label: 'Authenticator app' }],
  })
  const code = totpCode(seed, gatehouse.now())
  const { verifyMfa } = await anonymous.ask(VerifyMfaDocument, { input: { challengeId: login.challenge.id, code } })
  if (verifyMfa.__typename !== 'SignedIn') throw new Error('The code did not sign in')
  expect(verifyMfa.session).toMatchObject({ assurance: 'AAL2', authenticationMethods: ['PASSWORD', 'TOTP'] })

  const second = clientWith(verifyMfa.sessionToken)
  const { listSessions } = await second.ask(ListSessionsDocument, {})
  expect(listSessions.map(({ id, current }) => ({ id, current }))).toEqual([
    { id: verifyMfa.session.id, current: true },
    { id: confirmEmail.session.id, current: false },
  ])
  const { revokeSession } = await second.ask(RevokeSessionDocument, { id: confirmEmail.session.id })
  expect(revokeSession).toMatchObject({ endReason: 'REVOKED_BY_USER', current: false })
  expect((await raised.refused(MeDocument, {})).extensions).toMatchObject({
    code: 'SESSION_ENDED',
    reason: 'REVOKED_BY_USER',
  })
  expect((await second.ask(ListSessionsDocument, {})).listSessions).toHaveLength(1)

  const administrator = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))
  const filter = { userId: verifyMfa.user.id }
  const { auditEvents } = await administrator.ask(AuditEventsDocument, { first: 100, filter })
  const history = [
    'ACCOUNT_REGISTERED',
    'EMAIL_CONFIRMED',
    'LOGIN_SUCCEEDED',
    'SESSION_CREATED',
    'MFA_ENROLMENT_STARTED',
    'MFA_ENROLLED',
    'BACKUP_CODES_GENERATED',
    'MFA_CHALLENGED',
    'MFA_SUCCEEDED',
    'LOGIN_SUCCEEDED',
    'SESSION_CREATED',
    'SESSION_REVOKED',
  ]
  expect(auditEvents.edges.map(({ node }) => node.type).toReversed()).toEqual(history)
  const own = await second.ask(SecurityEventsDocument, { first: 100 })
  expect(own.securityEvents.edges.map(({ node }) => node.id)).toEqual(auditEvents.edges.map(({ node }) => node.id))
})
