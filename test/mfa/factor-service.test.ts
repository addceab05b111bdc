import { randomUUID } from 'node:crypto'
import { drizzle } from 'drizzle-orm/postgres-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRetentionStore } from '../../src/retention/retention-store.ts'
import { expectUnharmed } from '../support/attack.ts'
import type { Answer, Client } from '../support/client.ts'
import {
  EnrolMfaDocument,
  LoginDocument,
  MeDocument,
  MyMfaDocument,
  RegenerateBackupCodesDocument,
  RemoveMfaFactorDocument,
  RenameMfaFactorDocument,
  RequestStepUpDocument,
  SendMfaCodeDocument,
  SetMfaPolicyDocument,
  SetPreferredMfaFactorDocument,
  TrustedDevicesDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import { codeSentTo, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { roundsOf } from '../support/rounds.ts'
import {
  answerChallenge,
  beginEnrolment,
  beginPhoneEnrolment,
  completeChallenge,
  loginChallenge,
} from '../support/second-factor.ts'
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

const codeFor = (seed: string) => totpCode(seed, gatehouse.now())
const inFiveMinutes = () => new Date(gatehouse.now().getTime() + 300_000)
const steppedUp = (user: TestUser) => gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], inFiveMinutes())
const mfaOf = async (client: Client) => (await client.ask(MyMfaDocument, {})).me.mfa
const preferredOf = async (client: Client) =>
  (await mfaOf(client)).factors.filter(({ preferred }) => preferred).map(({ id }) => id)

/** A user with two authenticator apps and two phones, the first app preferred, and backup codes. */
const userOfFour = async () => {
  const user = await gatehouse.createUser()
  const seeds = [await gatehouse.giveTotp(user), await gatehouse.giveTotp(user)] as const
  const phones = [await gatehouse.givePhone(user), await gatehouse.givePhone(user)] as const
  const backupCodes = await gatehouse.giveBackupCodes(user)
  const session = await steppedUp(user)
  const ids = (await mfaOf(session)).factors.map(({ id }) => id)
  const [app, secondApp, phone, secondPhone] = ids as [string, string, string, string]
  return { user, seeds, phones, backupCodes, session, ids, app, secondApp, phone, secondPhone }
}

/** A user with one authenticator app, backup codes and a session that was just stepped up. */
const userOfOne = async (role: 'USER' | 'AUDITOR' = 'USER') => {
  const user = await gatehouse.createUser({ role })
  const seed = await gatehouse.giveTotp(user)
  await gatehouse.giveBackupCodes(user)
  const session = await steppedUp(user)
  const [factor] = (await mfaOf(session)).factors
  return { user, seed, session, id: factor?.id as string }
}

const signInBySms = async (user: TestUser, factorId: string, phone: string) => {
  const challengeId = await loginChallenge(gatehouse.anonymous, user)
  await gatehouse.anonymous.ask(SendMfaCodeDocument, { input: { challengeId, factorId } })
  return completeChallenge(gatehouse.anonymous, challengeId, await codeSentTo(gatehouse, phone), 'SignedIn')
}

const refusalOf = async (refused: Promise<{ extensions: { code: string } }>) => (await refused).extensions.code

test('each of several apps and phones of one user signs in', async () => {
  const { user, seeds, phones, phone, secondPhone } = await userOfFour()
  for (const seed of seeds) {
    const challengeId = await loginChallenge(gatehouse.anonymous, user)
    const signedIn = await completeChallenge(gatehouse.anonymous, challengeId, codeFor(seed), 'SignedIn')
    expect(signedIn.session.authenticationMethods).toEqual(['PASSWORD', 'TOTP'])
  }
  for (const [id, number] of [
    [phone, phones[0]],
    [secondPhone, phones[1]],
  ] as const) {
    expect((await signInBySms(user, id, number)).session.authenticationMethods).toEqual(['PASSWORD', 'SMS'])
  }
})

test('a challenge offers the preferred factor first, then the others as they were added, and its method first', async () => {
  const { user, session, app, secondApp, phone, secondPhone } = await userOfFour()
  const offers = async () => {
    const { email, password } = user
    const { login } = await gatehouse.anonymous.ask(LoginDocument, { input: { email, password } })
    if (login.__typename !== 'MfaRequired') throw new Error('No second factor was asked for')
    const { factors, methods } = login.challenge
    return { ids: factors.map(({ id }) => id), methods }
  }
  expect(await offers()).toEqual({ ids: [app, secondApp, phone, secondPhone], methods: ['TOTP', 'SMS', 'BACKUP_CODE'] })

  const preferred = await session.ask(SetPreferredMfaFactorDocument, { id: secondPhone })
  expect(preferred.setPreferredMfaFactor).toEqual({ id: secondPhone, preferred: true })
  expect(await offers()).toEqual({ ids: [secondPhone, app, secondApp, phone], methods: ['SMS', 'TOTP', 'BACKUP_CODE'] })

  const { requestStepUp } = await session.ask(RequestStepUpDocument, {})
  await session.ask(SetPreferredMfaFactorDocument, { id: secondApp })
  const next = (await session.ask(RequestStepUpDocument, {})).requestStepUp
  expect([requestStepUp, next].map(({ factors }) => factors.map(({ id }) => id))).toEqual([
    [app, secondApp],
    [secondApp, app],
  ])
})

describe('a new label', () => {
  const renamed = async (label: string) => {
    const { session, id } = await userOfOne()
    const { data, errors } = await session.send(RenameMfaFactorDocument, { id, label })
    const [factor] = (await mfaOf(session)).factors
    return { answer: data?.renameMfaFactor.label, refusal: errors?.[0]?.extensions, stored: factor?.label }
  }

  test.each([
    ['64 characters', 'x'.repeat(64), 'x'.repeat(64)],
    ['64 characters of two UTF-16 units', '🔑'.repeat(64), '🔑'.repeat(64)],
    ['the composed form', 'Te\u0301le\u0301phone', 'T\u00e9l\u00e9phone'],
    ['no blanks around it', '  Work phone ', 'Work phone'],
    ['markup as it is, for clients to encode', '<b>"x"</b>', '<b>"x"</b>'],
  ])('keeps %s', async (_what, label, kept) => {
    expect(await renamed(label)).toEqual({ answer: kept, refusal: undefined, stored: kept })
  })

  test.each([
    ['65 characters', 'x'.repeat(65)],
    ['a line break', 'Phone\nAdmin'],
    ['an escape', 'Phone\u001b[2J'],
    ['a C1 control', 'Phone\u0085x'],
    ['a line separator', 'Phone\u2028x'],
    ['a mark that turns the text around', 'Phone\u202Egnp.exe'],
  ])('of or with %s is refused, and nothing is renamed', async (_what, label) => {
    const { refusal, stored } = await renamed(label)
    expect(refusal).toEqual({ code: 'BAD_USER_INPUT', fields: [{ path: 'label', message: expect.any(String) }] })
    expect(stored).toBe('Phone')
  })
})

test('exactly one factor is preferred after 50 calls at once over two servers', async () => {
  const { user, session, ids } = await userOfFour()
  const clients = [session, other.clientWith((await gatehouse.signedInAs(user)).token)]
  for (let round = 0; round < roundsOf(2); round++) {
    const answers = await atOnce(50, clients, (client, turn) =>
      client.send(SetPreferredMfaFactorDocument, { id: ids[(turn >> 1) % 4] as string }),
    )
    expect(tally(answers)).toEqual({ OK: 50 })
    expect(await preferredOf(session)).toHaveLength(1)
  }
})

test('a factor that is not in force can not be preferred, and the preferred one stays', async () => {
  const { session, id } = await userOfOne()
  const { factor } = await beginEnrolment(session)
  expect(await refusalOf(session.refused(SetPreferredMfaFactorDocument, { id: factor.id }))).toBe('NOT_FOUND')
  expect(await preferredOf(session)).toEqual([id])
})

const actsOnFactors: Record<string, (client: Client, id: string) => Promise<Answer<unknown>>> = {
  renameMfaFactor: (client, id) => client.send(RenameMfaFactorDocument, { id, label: 'Mine' }),
  setPreferredMfaFactor: (client, id) => client.send(SetPreferredMfaFactorDocument, { id }),
  removeMfaFactor: (client, id) => client.send(RemoveMfaFactorDocument, { id }),
}

test.each(Object.entries(actsOnFactors))(
  "D5: %s answers for someone else's factor as for one that never was, and changes nothing",
  async (_name, act) => {
    const { user: alice, session: hers, id } = await userOfOne()
    const { session: mallory } = await userOfOne()
    const before = await mfaOf(hers)
    const ids = [id, id.toUpperCase(), randomUUID(), alice.id, mallory.sessionId, "' OR 1=1 --", '']
    const answers = await Promise.all(ids.map((foreign) => act(mallory, foreign)))
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    expect(answers[0]?.errors?.[0]?.extensions).toEqual({ code: 'NOT_FOUND' })
    expect(await mfaOf(hers)).toEqual(before)
    expect(await historyOf(gatehouse, alice)).toEqual([])
    await expectUnharmed(gatehouse, { secrets: [hers.token], answers })
  },
)

describe('removing a factor', () => {
  test('ends every other session on every server with MFA_CHANGED, and keeps the own one', async () => {
    const { user, session, secondApp } = await userOfFour()
    const others = [await gatehouse.signedInAs(user), await steppedUp(user)]
    const stranger = await gatehouse.signedInAs(await gatehouse.createUser())
    for (const { token } of others) await other.clientWith(token).ask(MeDocument, {})
    const { removeMfaFactor } = await session.ask(RemoveMfaFactorDocument, { id: secondApp })
    expect(removeMfaFactor.factors).toHaveLength(3)

    const later = await startGatehouse({ databaseUrl: gatehouse.databaseUrl, redisUrl: null })
    try {
      for (const server of [gatehouse, other, later]) {
        for (const { token } of others) {
          const { extensions } = await server.clientWith(token).refused(MeDocument, {})
          expect(extensions).toEqual({ code: 'SESSION_ENDED', reason: 'MFA_CHANGED' })
        }
        for (const { token } of [session, stranger]) await server.clientWith(token).ask(MeDocument, {})
      }
    } finally {
      await later.close()
    }
    expect(countTypes(await historyOf(gatehouse, user))).toEqual({ MFA_REMOVED: 1, SESSION_REVOKED: 2 })
  })

  test('ends the trust of every device: the next sign-in there asks for a factor', async () => {
    const { user, seeds, session, phone } = await userOfFour()
    const { anonymous } = gatehouse
    const trust = { challengeId: await loginChallenge(anonymous, user), code: codeFor(seeds[0]), trustDevice: true }
    const { verifyMfa } = await anonymous.ask(VerifyMfaDocument, { input: trust })
    const deviceToken = verifyMfa.__typename === 'SignedIn' ? verifyMfa.deviceToken : null
    expect(deviceToken).toEqual(expect.any(String))
    expect((await session.ask(TrustedDevicesDocument, {})).trustedDevices).toHaveLength(1)

    await session.ask(RemoveMfaFactorDocument, { id: phone })
    expect((await session.ask(TrustedDevicesDocument, {})).trustedDevices).toEqual([])
    const { email, password } = user
    const { login } = await anonymous.ask(LoginDocument, { input: { email, password, deviceToken } })
    expect(login.__typename).toBe('MfaRequired')
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ DEVICE_TRUST_REVOKED: 1 })
  })

  test('voids every open challenge, at sign-in and at step-up', async () => {
    const { user, seeds, session, phone } = await userOfFour()
    const login = await loginChallenge(other.anonymous, user)
    const { requestStepUp } = await session.ask(RequestStepUpDocument, {})
    await session.ask(RemoveMfaFactorDocument, { id: phone })
    const answers = [
      await answerChallenge(other.anonymous, login, codeFor(seeds[0])),
      await answerChallenge(session, requestStepUp.id, codeFor(seeds[0])),
    ]
    expect(tally(answers)).toEqual({ CHALLENGE_EXPIRED: 2 })
  })

  test('its codes open nothing any more, and those of the others still do', async () => {
    const { user, seeds, session, app } = await userOfFour()
    await session.ask(RemoveMfaFactorDocument, { id: app })
    const challengeId = await loginChallenge(gatehouse.anonymous, user)
    const answer = await answerChallenge(gatehouse.anonymous, challengeId, codeFor(seeds[0]))
    expect(tally([answer])).toEqual({ MFA_CODE_INVALID: 1 })
    await completeChallenge(gatehouse.anonymous, challengeId, codeFor(seeds[1]), 'SignedIn')
  })

  test('that is preferred makes the oldest of the others preferred; any other changes nothing about it', async () => {
    const { session, app, secondApp, phone, secondPhone } = await userOfFour()
    await session.ask(SetPreferredMfaFactorDocument, { id: phone })
    await session.ask(RemoveMfaFactorDocument, { id: secondPhone })
    expect(await preferredOf(session)).toEqual([phone])
    const { removeMfaFactor } = await session.ask(RemoveMfaFactorDocument, { id: phone })
    expect(removeMfaFactor.preferredFactor).toEqual({ id: app })
    await session.ask(RemoveMfaFactorDocument, { id: app })
    expect(await preferredOf(session)).toEqual([secondApp])
  })

  test('that is the last takes the backup codes with it: from then on the password alone signs in', async () => {
    const { user, session, id } = await userOfOne()
    const { removeMfaFactor } = await session.ask(RemoveMfaFactorDocument, { id })
    expect(removeMfaFactor).toEqual({ enabled: false, backupCodesRemaining: 0, factors: [], preferredFactor: null })
    expect(await mfaOf(other.clientWith(session.token))).toMatchObject({ enabled: false, backupCodesRemaining: 0 })
    const { email, password } = user
    for (const { anonymous } of [gatehouse, other]) {
      const { login } = await anonymous.ask(LoginDocument, { input: { email, password } })
      expect(login).toMatchObject({ __typename: 'SignedIn', session: { assurance: 'AAL1' } })
    }
    for (const { clientWith } of [gatehouse, other]) {
      const client = clientWith(session.token)
      expect(await refusalOf(client.refused(RequestStepUpDocument, {}))).toBe('CONFLICT')
      expect(await refusalOf(client.refused(RegenerateBackupCodesDocument, {}))).toBe('CONFLICT')
    }
  })

  test('that is not the last leaves the backup codes good', async () => {
    const { user, session, backupCodes, app } = await userOfFour()
    const { removeMfaFactor } = await session.ask(RemoveMfaFactorDocument, { id: app })
    expect(removeMfaFactor).toMatchObject({ enabled: true, backupCodesRemaining: 10 })
    const challengeId = await loginChallenge(gatehouse.anonymous, user)
    await completeChallenge(gatehouse.anonymous, challengeId, backupCodes[0] as string, 'SignedIn')
  })

  test('that is the last, and then a new first one, begins afresh: new backup codes, the old ones dead', async () => {
    const { user, session, backupCodes, ids } = await userOfFour()
    for (const id of ids) await session.ask(RemoveMfaFactorDocument, { id })
    const { challenge, secret } = await beginEnrolment(session)
    const done = await completeChallenge(session, challenge.id, codeFor(secret), 'MfaActivated')
    expect(done).toMatchObject({ factor: { preferred: true }, mfa: { enabled: true, backupCodesRemaining: 10 } })
    expect(done.backupCodes?.codes).toHaveLength(10)
    const challengeId = await loginChallenge(gatehouse.anonymous, user)
    const answer = await answerChallenge(gatehouse.anonymous, challengeId, backupCodes[0] as string)
    expect(tally([answer])).toEqual({ MFA_CODE_INVALID: 1 })
  })

  test('that is not in force yet changes nothing else', async () => {
    const { user, seed, session, id } = await userOfOne()
    const { factor, challenge, secret } = await beginEnrolment(session)
    const bystander = await gatehouse.signedInAs(user)
    const login = await loginChallenge(gatehouse.anonymous, user)
    const { removeMfaFactor } = await session.ask(RemoveMfaFactorDocument, { id: factor.id })
    expect(removeMfaFactor).toMatchObject({
      enabled: true,
      backupCodesRemaining: 10,
      factors: [{ id, preferred: true }],
    })

    await bystander.ask(MeDocument, {})
    const answer = await answerChallenge(session, challenge.id, codeFor(secret))
    expect(tally([answer])).toEqual({ CHALLENGE_EXPIRED: 1 })
    await completeChallenge(gatehouse.anonymous, login, codeFor(seed), 'SignedIn')
    const history = countTypes(await historyOf(gatehouse, user))
    expect(history).not.toHaveProperty('MFA_REMOVED')
    expect(history).not.toHaveProperty('SESSION_REVOKED')
  })

  test('that was begun by a user without another leaves that user as they were', async () => {
    const user = await gatehouse.createUser()
    const session = await gatehouse.signedInAs(user, ['PASSWORD'], inFiveMinutes())
    const { factor } = await beginEnrolment(session)
    const { removeMfaFactor } = await session.ask(RemoveMfaFactorDocument, { id: factor.id })
    expect(removeMfaFactor).toEqual({ enabled: false, backupCodesRemaining: 0, factors: [], preferredFactor: null })
  })

  test('happens once, of 50 removals at once over two servers', async () => {
    for (let round = 0; round < roundsOf(2); round++) {
      const { user, session, app, secondApp } = await userOfFour()
      const clients = [session, other.clientWith(session.token)]
      const answers = await atOnce(50, clients, (client) => client.send(RemoveMfaFactorDocument, { id: app }))
      expect(tally(answers)).toEqual({ OK: 1, NOT_FOUND: 49 })
      expect(await preferredOf(session)).toEqual([secondApp])
      expect(countTypes(await historyOf(gatehouse, user))).toEqual({ MFA_REMOVED: 1 })
    }
  })

  test('all of them at once leaves no factor, no backup code and none preferred', async () => {
    for (let round = 0; round < roundsOf(2); round++) {
      const { user, session, ids } = await userOfFour()
      const clients = [session, other.clientWith(session.token)]
      const answers = await atOnce(4, clients, (client, turn) =>
        client.send(RemoveMfaFactorDocument, { id: ids[turn] as string }),
      )
      // The step-up of whoever comes last still holds: the session proved more than a password.
      expect(tally(answers)).toEqual({ OK: 4 })
      expect(await mfaOf(session)).toMatchObject({ enabled: false, factors: [], backupCodesRemaining: 0 })
      expect(countTypes(await historyOf(gatehouse, user))).toEqual({ MFA_REMOVED: 4 })
    }
  })

  test('and preferring it at once leaves exactly one preferred', async () => {
    for (let round = 0; round < roundsOf(2); round++) {
      const { user, session, secondApp } = await userOfFour()
      const client = other.clientWith(session.token)
      await Promise.all([
        session.send(RemoveMfaFactorDocument, { id: secondApp }),
        client.send(SetPreferredMfaFactorDocument, { id: secondApp }),
      ])
      expect(await preferredOf(await gatehouse.signedInAs(user))).toHaveLength(1)
    }
  })
})

describe('where policy obliges the users of a role', () => {
  const administrator = async () => {
    const admin = await gatehouse.createUser({ role: 'ADMIN' })
    return gatehouse.signedInAs(admin, ['PASSWORD'], inFiveMinutes())
  }

  const whileRequired = async (work: () => Promise<void>) => {
    const admin = await administrator()
    await admin.ask(SetMfaPolicyDocument, { input: { role: 'AUDITOR', requirement: 'REQUIRED', graceDays: 30 } })
    try {
      await work()
    } finally {
      await admin.ask(SetMfaPolicyDocument, { input: { role: 'AUDITOR', requirement: 'OPTIONAL' } })
    }
  }

  test('the last factor can not be removed, and the try changes nothing', () =>
    whileRequired(async () => {
      const { user, session, id } = await userOfOne('AUDITOR')
      const bystander = await gatehouse.signedInAs(user)
      const login = await loginChallenge(gatehouse.anonymous, user)
      const before = await mfaOf(session)
      expect(await refusalOf(session.refused(RemoveMfaFactorDocument, { id }))).toBe('CONFLICT')
      expect(await mfaOf(session)).toEqual(before)
      expect(before).toMatchObject({ required: true, enabled: true, backupCodesRemaining: 10 })
      await bystander.ask(MeDocument, {})
      const answer = await answerChallenge(gatehouse.anonymous, login, '000000')
      expect(tally([answer])).toEqual({ MFA_CODE_INVALID: 1 })
      expect(countTypes(await historyOf(gatehouse, user))).not.toHaveProperty('MFA_REMOVED')
    }))

  test('any but the last can, also of two removed at once', () =>
    whileRequired(async () => {
      const { user, session, id } = await userOfOne('AUDITOR')
      await gatehouse.givePhone(user)
      const ids = (await mfaOf(session)).factors.map((factor) => factor.id)
      expect(ids).toContain(id)
      const clients = [session, other.clientWith(session.token)]
      const answers = await atOnce(2, clients, (client, turn) =>
        client.send(RemoveMfaFactorDocument, { id: ids[turn] as string }),
      )
      expect(tally(answers)).toEqual({ OK: 1, CONFLICT: 1 })
      expect(await preferredOf(session)).toHaveLength(1)
    }))
})

describe('enrolling', () => {
  test('is open up to ten factors; the eleventh is refused, and drops nothing', async () => {
    const { user, session } = await userOfOne()
    for (let count = 1; count < 9; count++) await gatehouse.giveTotp(user)
    const { challenge, secret } = await beginEnrolment(session)
    const { sessionToken } = await completeChallenge(session, challenge.id, codeFor(secret), 'MfaActivated')
    const renewed = gatehouse.clientWith(sessionToken)
    expect((await mfaOf(renewed)).factors).toHaveLength(10)
    for (const input of [{ method: 'TOTP' }, { method: 'SMS', phoneNumber: '+14155550123' }] as const) {
      expect(await refusalOf(renewed.refused(EnrolMfaDocument, { input }))).toBe('CONFLICT')
    }
    expect((await mfaOf(renewed)).factors.map(({ status }) => status)).toEqual(Array(10).fill('ACTIVE'))
  })

  test('a second time voids the first try, whatever their methods, and nothing in force', async () => {
    const { user, seed, session, id } = await userOfOne()
    const first = await beginEnrolment(session)
    const second = await beginPhoneEnrolment(session, '+14155550123')
    const third = await beginEnrolment(session)
    for (const { challenge } of [first, second]) {
      const answer = await answerChallenge(session, challenge.id, codeFor(first.secret))
      expect(tally([answer])).toEqual({ CHALLENGE_EXPIRED: 1 })
    }
    expect((await mfaOf(session)).factors).toMatchObject([
      { id, status: 'ACTIVE', preferred: true },
      { id: third.factor.id, status: 'PENDING', preferred: false },
    ])
    const challengeId = await loginChallenge(gatehouse.anonymous, user)
    const forged = await answerChallenge(gatehouse.anonymous, challengeId, codeFor(third.secret))
    expect(tally([forged])).toEqual({ MFA_CODE_INVALID: 1 })
    await completeChallenge(gatehouse.anonymous, challengeId, codeFor(seed), 'SignedIn')
  })

  test('that nobody finishes is forgotten once it is stale, and no other factor is', async () => {
    const { session, id } = await userOfOne()
    const { factor, challenge, secret } = await beginEnrolment(session)
    const { pendingFactors } = createRetentionStore(drizzle(gatehouse.sql))
    await pendingFactors.deleteSome(new Date(Date.now() - 60_000))
    expect((await mfaOf(session)).factors.map((known) => known.id)).toEqual([id, factor.id])

    await pendingFactors.deleteSome(new Date(Date.now() + 60_000))
    expect((await mfaOf(session)).factors.map((known) => known.id)).toEqual([id])
    const answer = await answerChallenge(session, challenge.id, codeFor(secret))
    expect(tally([answer])).toEqual({ CHALLENGE_EXPIRED: 1 })
  })

  test.each(['+1 (415) 555-0123', '+1-415-555-0123', 'tel:+14155550123', '+１４１５５５５０１２３', '+14155550123'])(
    'a phone number of yours again, spelled %s, is refused',
    async (spelling) => {
      const user = await gatehouse.createUser()
      await gatehouse.givePhone(user, '+14155550123')
      const session = await gatehouse.signedInAs(user, ['PASSWORD', 'SMS'], inFiveMinutes())
      const input = { method: 'SMS', phoneNumber: spelling } as const
      expect((await session.refused(EnrolMfaDocument, { input })).extensions).toEqual({
        code: 'BAD_USER_INPUT',
        fields: [{ path: 'input.phoneNumber', message: 'is a factor of yours already' }],
      })
      expect((await mfaOf(session)).factors).toMatchObject([{ status: 'ACTIVE', preferred: true }])
    },
  )

  test("someone else's phone number is open to all: whether it is taken is nobody's to know", async () => {
    const alice = await gatehouse.createUser()
    await gatehouse.givePhone(alice, '+14155550199')
    const session = await gatehouse.signedInAs(await gatehouse.createUser())
    await beginPhoneEnrolment(session, '+14155550199')
  })
})
