import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import {
  MyMfaDocument,
  RegenerateBackupCodesDocument,
  RemoveMfaFactorDocument,
  RenameMfaFactorDocument,
  RequestStepUpDocument,
  SendMfaCodeDocument,
  SetMfaPolicyDocument,
} from '../support/documents.generated.ts'
import {
  codeSentTo,
  eventually,
  type Gatehouse,
  type Mail,
  startGatehouse,
  type TestUser,
} from '../support/gatehouse.ts'
import {
  answerChallenge,
  beginEnrolment,
  beginPhoneEnrolment,
  completeChallenge,
  loginChallenge,
} from '../support/second-factor.ts'
import { totpCode, wrongTotpCode } from '../support/totp.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const inFiveMinutes = () => new Date(gatehouse.now().getTime() + 300_000)
const codeFor = (seed: string) => totpCode(seed, gatehouse.now())

const subjects = {
  added: 'A second factor was added',
  removed: 'A second factor was removed',
  used: 'A backup code was used',
  replaced: 'New backup codes were made',
}

/** Every mail to a user once there are as many as that, oldest first; a mail too many would come with the next one. */
const mailsTo = async ({ email }: TestUser, count: number): Promise<Mail[]> =>
  (
    await eventually(async () => {
      const mails = await gatehouse.mailTo(email)
      return mails.length >= count && mails
    })
  ).toReversed()

/** That no mail waits to go out, and how many went to a user. */
const settledMailsTo = async ({ email }: TestUser): Promise<Mail[]> => {
  await eventually(async () => {
    const [row] = await gatehouse.sql`SELECT count(*)::int AS waiting FROM outgoing_messages WHERE sent_at IS NULL`
    return row?.waiting === 0
  })
  return gatehouse.mailTo(email)
}

const owner = async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const backupCodes = await gatehouse.giveBackupCodes(user)
  const session = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], inFiveMinutes())
  const [factor] = (await session.ask(MyMfaDocument, {})).me.mfa.factors
  return { user, seed, backupCodes, session, factorId: factor?.id as string }
}

const useAtLogin = async (user: TestUser, code: string) =>
  completeChallenge(gatehouse.anonymous, await loginChallenge(gatehouse.anonymous, user), code, 'SignedIn')

/** What every notice says, and what none holds. */
const expectNotice = ({ text }: Mail, from: Date, secrets: readonly string[]) => {
  expect(text).toContain('from the network address 127.0.0.1')
  const at = new Date(/\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(text)?.[0] ?? '')
  expect(at.getTime()).toBeGreaterThanOrEqual(from.getTime())
  expect(at.getTime()).toBeLessThanOrEqual(gatehouse.now().getTime())
  expect(text).toMatch(/If it was not, /)
  expect(text).not.toMatch(/https?:|www\.|token/)
  for (const secret of secrets) expect(text).not.toContain(secret)
}

describe('H9: the owner is told by mail', () => {
  test('of an app that was added, by its label, once it is in force and not before', async () => {
    const user = await gatehouse.createUser()
    const session = await gatehouse.signedInAs(user)
    const from = gatehouse.now()
    const { challenge, secret, factor } = await beginEnrolment(session)
    await session.ask(RenameMfaFactorDocument, { id: factor.id, label: 'Work laptop' })
    expect(await settledMailsTo(user)).toEqual([])
    const { backupCodes } = await completeChallenge(session, challenge.id, codeFor(secret), 'MfaActivated')
    const [mail] = await mailsTo(user, 1)
    expect(mail).toMatchObject({ to: user.email, subject: subjects.added })
    expect(mail?.text).toContain('"Work laptop"')
    expectNotice(mail as Mail, from, [secret, ...(backupCodes?.codes ?? [])])
    expect(await settledMailsTo(user)).toHaveLength(1)
    await expectUnharmed(gatehouse, { secrets: [secret, ...(backupCodes?.codes ?? [])] })
  })

  test('of a phone that was added, without its number', async () => {
    const { user, session } = await owner()
    const from = gatehouse.now()
    const { challenge } = await beginPhoneEnrolment(session, '+14155550161')
    await session.ask(SendMfaCodeDocument, { input: { challengeId: challenge.id } })
    const code = await codeSentTo(gatehouse, '+14155550161')
    await completeChallenge(session, challenge.id, code, 'MfaActivated')
    const [mail] = await mailsTo(user, 1)
    expect(mail?.subject).toBe(subjects.added)
    expectNotice(mail as Mail, from, [code, '4155550161'])
  })

  test('of a factor that was removed, by its label', async () => {
    const { user, session, factorId, seed } = await owner()
    const from = gatehouse.now()
    await session.ask(RenameMfaFactorDocument, { id: factorId, label: 'Old phone' })
    await session.ask(RemoveMfaFactorDocument, { id: factorId })
    const [mail] = await mailsTo(user, 1)
    expect(mail).toMatchObject({ to: user.email, subject: subjects.removed })
    expect(mail?.text).toContain('"Old phone"')
    expectNotice(mail as Mail, from, [seed])
    expect(await settledMailsTo(user)).toHaveLength(1)
  })

  test('of a new set of backup codes, without the codes', async () => {
    const { user, session } = await owner()
    const from = gatehouse.now()
    const { codes } = (await session.ask(RegenerateBackupCodesDocument, {})).regenerateBackupCodes
    const [mail] = await mailsTo(user, 1)
    expect(mail).toMatchObject({ to: user.email, subject: subjects.replaced })
    expectNotice(mail as Mail, from, codes)
    expect(await settledMailsTo(user)).toHaveLength(1)
    await expectUnharmed(gatehouse, { secrets: codes })
  })

  test('of each use of a backup code and how many are left; with three or fewer, to make a new set', async () => {
    const { user, backupCodes } = await owner()
    const from = gatehouse.now()
    const isUse = ({ subject }: Mail) => subject === subjects.used
    for (const [slot, code] of backupCodes.entries()) {
      await useAtLogin(user, code)
      const mails = await eventually(async () => {
        const uses = (await gatehouse.mailTo(user.email)).filter(isUse)
        return uses.length === slot + 1 && uses
      })
      const { text } = mails[0] as Mail
      const left = 9 - slot
      expect(text).toContain(
        left === 0 ? 'It was the last one: make a new set now.' : `${left} of them ${left === 1 ? 'is' : 'are'} left`,
      )
      expect([left, /make a new set/.test(text)]).toEqual([left, left <= 3])
      expectNotice(mails[0] as Mail, from, backupCodes)
    }
    expect((await settledMailsTo(user)).filter(isUse)).toHaveLength(10)
  })

  test('of a backup code used at step-up', async () => {
    const { user, session, backupCodes } = await owner()
    const { requestStepUp } = await session.ask(RequestStepUpDocument, {})
    await completeChallenge(session, requestStepUp.id, backupCodes[2] as string, 'SteppedUp')
    const [mail] = await mailsTo(user, 1)
    expect(mail).toMatchObject({ to: user.email, subject: subjects.used })
    expect(mail?.text).toContain('9 of them are left.')
  })
})

describe('H9: no notice goes out', () => {
  test('of a wrong code, a used one, or a factor that was never in force', async () => {
    const { user, seed, session, backupCodes } = await owner()
    await useAtLogin(user, backupCodes[0] as string)
    const before = (await mailsTo(user, 1)).length
    const challengeId = await loginChallenge(gatehouse.anonymous, user)
    const wrong = [backupCodes[0] as string, '5-00000-00000', wrongTotpCode(seed, gatehouse.now())]
    for (const code of wrong) {
      const { errors } = await answerChallenge(gatehouse.anonymous, challengeId, code)
      expect(errors?.[0]?.extensions.code).toBe('MFA_CODE_INVALID')
    }
    const { factor } = await beginEnrolment(session)
    await session.ask(RemoveMfaFactorDocument, { id: factor.id })
    expect(await settledMailsTo(user)).toHaveLength(before)
  })

  test('of an act that was refused: for want of a proof, or by policy', async () => {
    const { user, factorId } = await owner()
    const unproved = await gatehouse.signedInAs(user)
    for (const refused of [
      unproved.refused(RemoveMfaFactorDocument, { id: factorId }),
      unproved.refused(RegenerateBackupCodesDocument, {}),
    ]) {
      expect((await refused).extensions.code).toBe('STEP_UP_REQUIRED')
    }
    expect(await settledMailsTo(user)).toEqual([])

    const admin = await gatehouse.createUser({ role: 'ADMIN' })
    const seed = await gatehouse.giveTotp(admin)
    const administrator = await gatehouse.signedInAs(admin, ['PASSWORD', 'TOTP'], inFiveMinutes())
    const [own] = (await administrator.ask(MyMfaDocument, {})).me.mfa.factors
    await administrator.ask(SetMfaPolicyDocument, { input: { role: 'ADMIN', requirement: 'REQUIRED', graceDays: 1 } })
    const { extensions } = await administrator.refused(RemoveMfaFactorDocument, { id: own?.id as string })
    expect(extensions.code).toBe('CONFLICT')
    expect(await settledMailsTo(admin)).toEqual([])
    await expectUnharmed(gatehouse, { secrets: [seed] })
  })
})

test('H9: markup and addresses in a label stay text in the notice', async () => {
  const { user, session, factorId } = await owner()
  const label = '<a href=//evil.test>x</a>'
  await session.ask(RenameMfaFactorDocument, { id: factorId, label })
  await session.ask(RemoveMfaFactorDocument, { id: factorId })
  const [mail] = await mailsTo(user, 1)
  expect(mail?.subject).toBe(subjects.removed)
  expect(mail?.text).toContain(`"${label}"`)
})
