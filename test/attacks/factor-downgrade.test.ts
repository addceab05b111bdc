import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import {
  LoginDocument,
  MyMfaDocument,
  RegenerateBackupCodesDocument,
  RequestStepUpDocument,
  SendMfaCodeDocument,
  SetPreferredMfaFactorDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import { codeSentTo, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { tally } from '../support/race.ts'
import {
  answerChallenge,
  beginEnrolment,
  beginPhoneEnrolment,
  completeChallenge,
  loginChallenge,
} from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const inFiveMinutes = () => new Date(gatehouse.now().getTime() + 300_000)
const codeFor = (seed: string) => totpCode(seed, gatehouse.now())

/** A user with an app and nothing else. */
const appOnly = async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  return { user, seed }
}

/** A user with an app, a phone and backup codes. */
const appAndPhone = async () => {
  const { user, seed } = await appOnly()
  return { user, seed, phone: await gatehouse.givePhone(user), backupCodes: await gatehouse.giveBackupCodes(user) }
}

const phoneIdOf = async (user: TestUser): Promise<string> => {
  const session = await gatehouse.signedInAs(user)
  const { factors } = (await session.ask(MyMfaDocument, {})).me.mfa
  return factors.find(({ method }) => method === 'SMS')?.id ?? ''
}

describe('B11: of a user who has an app only', () => {
  test('no challenge offers anything else, and none sends a code', async () => {
    const { user } = await appOnly()
    const { email, password } = user
    const { anonymous } = gatehouse
    const { login } = await anonymous.ask(LoginDocument, { input: { email, password } })
    if (login.__typename !== 'MfaRequired') throw new Error('No second factor was asked for')
    expect(login.challenge).toMatchObject({ methods: ['TOTP'], sentTo: null, factors: [{ method: 'TOTP' }] })
    const session = await gatehouse.signedInAs(user)
    const { requestStepUp } = await session.ask(RequestStepUpDocument, {})
    expect(requestStepUp).toMatchObject({ methods: ['TOTP'], factors: [{ method: 'TOTP' }] })

    const totpId = login.challenge.factors[0]?.id as string
    const strange = await appAndPhone()
    const foreignPhone = await phoneIdOf(strange.user)
    for (const [client, challengeId] of [
      [anonymous, login.challenge.id],
      [session, requestStepUp.id],
    ] as const) {
      for (const factorId of [null, totpId, foreignPhone]) {
        const { extensions } = await client.refused(SendMfaCodeDocument, { input: { challengeId, factorId } })
        expect(extensions.code).toBe('BAD_USER_INPUT')
      }
    }
    expect(await gatehouse.mailTo(strange.phone)).toEqual([])
    expect(countTypes(await historyOf(gatehouse, user))).toEqual({ MFA_CHALLENGED: 2 })
  })

  test.each(['SMS', 'BACKUP_CODE'] as const)('the right code of the app, said to be %s, is refused', async (method) => {
    const { user, seed } = await appOnly()
    const { anonymous } = gatehouse
    const challengeId = await loginChallenge(anonymous, user)
    const code = codeFor(seed)
    const { extensions } = await anonymous.refused(VerifyMfaDocument, { input: { challengeId, code, method } })
    expect(extensions.code).toBe(method === 'SMS' ? 'MFA_CODE_INVALID' : 'BAD_USER_INPUT')
    expect(countTypes(await historyOf(gatehouse, user))).not.toHaveProperty('SESSION_CREATED')
    await completeChallenge(anonymous, challengeId, code, 'SignedIn')
    await expectUnharmed(gatehouse, { secrets: [code, seed, user.password] })
  })

  test.each(['NONE', 'none', 'EMAIL', 'PASSWORD', 'PASSKEY', 'totp', 'Totp', 'TOTP ', '', '__proto__'])(
    'a method %j is no value of MfaMethod, in a variable or in the document',
    async (method) => {
      const { user, seed } = await appOnly()
      const challengeId = await loginChallenge(gatehouse.anonymous, user)
      const input = { challengeId, code: codeFor(seed), method }
      const answers = [
        await gatehouse.anonymous.sendText(
          'mutation ($input: VerifyMfaInput!) { verifyMfa(input: $input) { __typename } }',
          { input },
        ),
        await gatehouse.anonymous.sendText(
          `mutation { verifyMfa(input: { challengeId: "${challengeId}", code: "${input.code}", method: ${JSON.stringify(method)} }) { __typename } }`,
        ),
      ]
      for (const { errors, data } of answers) {
        expect(data ?? null).toBeNull()
        expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'input.method' }] })
      }
      expect(countTypes(await historyOf(gatehouse, user))).toEqual({ MFA_CHALLENGED: 1 })
      await expectUnharmed(gatehouse, { secrets: [input.code, seed], answers })
    },
  )

  test.each(['', ' ', 'null', 'undefined', 'none', '0', '000000 ', 'true', '{}'])(
    'no code of the form %j passes',
    async (code) => {
      const { user } = await appOnly()
      const challengeId = await loginChallenge(gatehouse.anonymous, user)
      for (const method of [null, 'TOTP', 'SMS', 'BACKUP_CODE'] as const) {
        const { extensions } = await gatehouse.anonymous.refused(VerifyMfaDocument, {
          input: { challengeId, code, method },
        })
        expect(extensions.code).toBe('BAD_USER_INPUT')
      }
      expect(countTypes(await historyOf(gatehouse, user))).toEqual({ MFA_CHALLENGED: 1 })
    },
  )
})

describe('B11: a step-up of a user who has an app', () => {
  test('takes no code by text message: none is offered, sent or accepted, whichever factor is preferred', async () => {
    const { user, seed, phone } = await appAndPhone()
    const phoneId = await phoneIdOf(user)
    const session = await gatehouse.signedInAs(user)
    await session.ask(SetPreferredMfaFactorDocument, { id: phoneId })

    const { requestStepUp } = await session.ask(RequestStepUpDocument, {})
    expect(requestStepUp.methods).toEqual(['TOTP', 'BACKUP_CODE'])
    expect(requestStepUp.factors.map(({ method }) => method)).toEqual(['TOTP'])
    expect((await session.refused(RegenerateBackupCodesDocument, {})).extensions.methods).toEqual([
      'TOTP',
      'BACKUP_CODE',
    ])
    for (const factorId of [null, phoneId]) {
      const input = { challengeId: requestStepUp.id, factorId }
      expect((await session.refused(SendMfaCodeDocument, { input })).extensions.code).toBe('BAD_USER_INPUT')
    }
    expect(await gatehouse.mailTo(phone)).toEqual([])

    const { anonymous } = gatehouse
    const login = await loginChallenge(anonymous, user)
    await anonymous.ask(SendMfaCodeDocument, { input: { challengeId: login, factorId: phoneId } })
    const message = await codeSentTo(gatehouse, phone)
    for (const method of [null, 'SMS'] as const) {
      const input = { challengeId: requestStepUp.id, code: message, method }
      expect((await session.refused(VerifyMfaDocument, { input })).extensions.code).toBe('MFA_CODE_INVALID')
    }
    const input = { challengeId: requestStepUp.id, code: codeFor(seed), method: 'SMS' as const }
    expect((await session.refused(VerifyMfaDocument, { input })).extensions.code).toBe('MFA_CODE_INVALID')
    expect(countTypes(await historyOf(gatehouse, user))).not.toHaveProperty('STEP_UP_SUCCEEDED')

    await completeChallenge(session, requestStepUp.id, codeFor(seed), 'SteppedUp')
    await expectUnharmed(gatehouse, { secrets: [message, seed] })
  })

  test('opened before the app was added takes the text message no more', async () => {
    const user = await gatehouse.createUser()
    const phone = await gatehouse.givePhone(user)
    const [session, other] = [
      await gatehouse.signedInAs(user),
      await gatehouse.signedInAs(user, ['PASSWORD', 'SMS'], inFiveMinutes()),
    ]
    const { requestStepUp } = await session.ask(RequestStepUpDocument, {})
    expect(requestStepUp.methods).toEqual(['SMS'])
    await session.ask(SendMfaCodeDocument, { input: { challengeId: requestStepUp.id } })
    const message = await codeSentTo(gatehouse, phone)
    const { challenge, secret } = await beginEnrolment(other)
    await completeChallenge(other, challenge.id, codeFor(secret), 'MfaActivated')
    expect(tally([await answerChallenge(session, requestStepUp.id, message)])).toEqual({ MFA_CODE_INVALID: 1 })
  })

  test('by text message is what one has who has a phone only', async () => {
    const user = await gatehouse.createUser()
    const phone = await gatehouse.givePhone(user)
    const session = await gatehouse.signedInAs(user)
    const { requestStepUp } = await session.ask(RequestStepUpDocument, {})
    await session.ask(SendMfaCodeDocument, { input: { challengeId: requestStepUp.id } })
    const code = await codeSentTo(gatehouse, phone)
    const { sessionToken } = await completeChallenge(session, requestStepUp.id, code, 'SteppedUp')
    await gatehouse.clientWith(sessionToken).ask(RegenerateBackupCodesDocument, {})
  })
})

test('B11: a text message for one challenge answers no other of the same user', async () => {
  const user = await gatehouse.createUser()
  const phone = await gatehouse.givePhone(user)
  const { anonymous } = gatehouse
  const [first, second] = [await loginChallenge(anonymous, user), await loginChallenge(anonymous, user)]
  await anonymous.ask(SendMfaCodeDocument, { input: { challengeId: first } })
  const code = await codeSentTo(gatehouse, phone)
  expect(tally([await answerChallenge(anonymous, second, code)])).toEqual({ MFA_CODE_INVALID: 1 })
  await completeChallenge(anonymous, first, code, 'SignedIn')
  await expectUnharmed(gatehouse, { secrets: [code] })
})

test('B11: an enrolment is confirmed by its own factor alone', async () => {
  const { user, seed } = await appOnly()
  const phone = await gatehouse.givePhone(user, '+14155550181')
  const session = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], inFiveMinutes())
  const { challenge, factor } = await beginPhoneEnrolment(session, '+14155550182')
  expect(challenge).toMatchObject({ methods: ['SMS'], factors: [{ id: factor.id }] })
  for (const method of [null, 'TOTP', 'SMS'] as const) {
    const input = { challengeId: challenge.id, code: codeFor(seed), method }
    expect((await session.refused(VerifyMfaDocument, { input })).extensions.code).toBe('MFA_CODE_INVALID')
  }
  const input = { challengeId: challenge.id, factorId: await phoneIdOf(user) }
  expect((await session.refused(SendMfaCodeDocument, { input })).extensions.code).toBe('NOT_FOUND')
  expect(await gatehouse.mailTo(phone)).toEqual([])
})

describe('B15: a seed is the server’s to choose', () => {
  test.each([
    ['secret', 'JBSWY3DPEHPK3PXP'],
    ['seed', 'JBSWY3DPEHPK3PXP'],
    ['algorithm', 'NONE'],
    ['digits', 1],
    ['period', 3600],
    ['status', 'ACTIVE'],
    ['preferred', true],
    ['userId', '00000000-0000-4000-8000-000000000000'],
  ])('%s in the input of an enrolment is refused, and nothing is begun', async (name, value) => {
    const user = await gatehouse.createUser()
    const session = await gatehouse.signedInAs(user)
    const answers = [
      await session.sendText('mutation ($input: EnrolMfaInput!) { enrolMfa(input: $input) { __typename } }', {
        input: { method: 'TOTP', [name]: value },
      }),
      await session.sendText(
        `mutation { enrolMfa(input: { method: TOTP, ${name}: ${JSON.stringify(value)} }) { __typename } }`,
      ),
    ]
    for (const { data, errors } of answers) {
      expect(data ?? null).toBeNull()
      expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')
    }
    expect((await session.ask(MyMfaDocument, {})).me.mfa.factors).toEqual([])
    expect(await historyOf(gatehouse, user)).toEqual([])
    await expectUnharmed(gatehouse, { secrets: ['JBSWY3DPEHPK3PXP', session.token], answers })
  })

  test('it has 160 bits, is another each time, and its codes are SHA-1, six digits, thirty seconds', async () => {
    const session = await gatehouse.signedInAs(await gatehouse.createUser())
    const seeds = new Set<string>()
    for (let turn = 0; turn < 50; turn++) {
      const { secret, otpauthUri } = await beginEnrolment(session)
      expect(secret).toMatch(/^[A-Z2-7]{32}$/) // 32 characters of 5 bits
      const { searchParams } = new URL(otpauthUri)
      expect(searchParams.get('secret')).toBe(secret)
      expect(['SHA1', null]).toContain(searchParams.get('algorithm'))
      expect(['6', null]).toContain(searchParams.get('digits'))
      expect(['30', null]).toContain(searchParams.get('period'))
      seeds.add(secret)
    }
    expect(seeds.size).toBe(50)
    const letters = [...seeds].join('')
    expect(new Set(letters).size).toBe(32) // 1600 letters: all of them occur
  })
})
