import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import { EnrolMfaDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { introspect, rootOperations } from '../support/schema-walk.ts'
import { beginEnrolment, completeChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

test('B5: after its confirmation no field shows a seed, a QR code or a backup code, to the owner or an administrator', async () => {
  const { signedInAs, createUser, clientWith } = gatehouse
  const user = await createUser()
  const session = await signedInAs(user)
  const { secret, challenge, qrCode, qrCodeSvg } = await beginEnrolment(session)
  const code = totpCode(secret, gatehouse.now())
  const { sessionToken, backupCodes } = await completeChallenge(session, challenge.id, code, 'MfaActivated')
  expect(backupCodes?.codes).toHaveLength(10)

  const owner = clientWith(sessionToken)
  const administrator = await signedInAs(await createUser({ role: 'ADMIN' }))
  const reading = rootOperations(await introspect(owner), 6).filter(({ text }) => text.startsWith('query'))
  expect(reading.length).toBeGreaterThan(3)
  const answers = await Promise.all(
    reading.flatMap(({ text }) => [owner, administrator].map((client) => client.sendText(text))),
  )
  const again = await owner.send(EnrolMfaDocument, { input: { method: 'TOTP' } })
  expect(answers.map(({ text }) => text).join()).toContain('MFA_ENROLLED')
  expect(again.data?.enrolMfa).toMatchObject({ secret: expect.stringMatching(/^[A-Z2-7]{32}$/) })

  expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ MFA_ENROLLED: 1, BACKUP_CODES_GENERATED: 1 })
  const { codes = [] } = backupCodes ?? {}
  const secrets = [secret, code, sessionToken as string, ...codes, ...codes.map((text) => text.slice(2))]
  await expectUnharmed(gatehouse, { secrets: [...secrets, qrCode, qrCodeSvg], answers: [...answers, again] })
})
