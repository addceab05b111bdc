import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Answer } from '../support/client.ts'
import {
  EnrolMfaDocument,
  ListSessionsDocument,
  LoginDocument,
  MeDocument,
  MyMfaDocument,
  ResetUserMfaDocument,
  SecurityEventsDocument,
  SendMfaCodeDocument,
  TrustedDevicesDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { freshlyProved, loginOutcome, subjectsTo } from '../support/recovery.ts'
import { roundsOf } from '../support/rounds.ts'
import { answerChallenge, beginEnrolment, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

const reason = 'phone stolen; see ticket 4713'

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

const createAdmin = async () => {
  const account = await gatehouse.createUser({ role: 'ADMIN' })
  return { account, client: await freshlyProved(gatehouse, account) }
}

const reset = async ({ id }: Pick<TestUser, 'id'>) => {
  const admin = await createAdmin()
  const { resetUserMfa } = await admin.client.ask(ResetUserMfaDocument, { id, reason })
  expect(resetUserMfa).toEqual({ id, mfa: { enabled: false, factors: [], backupCodesRemaining: 0 } })
  return admin
}

const codeOf = ({ errors }: Answer<unknown>) => errors?.[0]?.extensions.code ?? 'OK'

/** The code of the next time step. */
const nextCode = (seed: string): string => {
  for (const server of [gatehouse, other]) server.advanceClock(30)
  return totpCode(seed, gatehouse.now())
}

const expectEnded = async (token: string) => {
  for (const server of [gatehouse, other]) {
    expect((await server.clientWith(token).refused(MeDocument, {})).extensions).toEqual({
      code: 'SESSION_ENDED',
      reason: 'MFA_CHANGED',
    })
  }
}

describe('an administrator who resets the second factors of a user', () => {
  test('helps one whose factor is disabled, whose codes are used up, and who is locked for guessing', async () => {
    const user = await gatehouse.createUser()
    await gatehouse.giveTotp(user)
    const codes = await gatehouse.giveBackupCodes(user)
    await gatehouse.sql`UPDATE mfa_configurations SET status = 'DISABLED' WHERE user_id = ${user.id}`
    await gatehouse.sql`UPDATE backup_codes SET used_at = now() WHERE user_id = ${user.id}`
    const challengeIds = [
      await loginChallenge(gatehouse.anonymous, user),
      await loginChallenge(gatehouse.anonymous, user),
    ]
    for (let turn = 0; turn < 10; turn++) {
      await answerChallenge(gatehouse.anonymous, challengeIds[turn % 2] as string, codes[0] as string)
    }
    const locked = await answerChallenge(
      gatehouse.anonymous,
      await loginChallenge(gatehouse.anonymous, user),
      codes[0] as string,
    )
    expect(codeOf(locked)).toBe('ACCOUNT_LOCKED')

    await reset(user)
    expect(await loginOutcome(other.anonymous, user.email, user.password)).toBe('SignedIn')
    const session = await freshlyProved(gatehouse, user)
    const { challenge, secret } = await beginEnrolment(session)
    const { backupCodes } = await completeChallenge(session, challenge.id, nextCode(secret), 'MfaActivated')
    expect(backupCodes?.codes).toHaveLength(10)
  })

  test('D4: leaves nothing of what the factors opened or were to open', async () => {
    const user = await gatehouse.createUser()
    const seed = await gatehouse.giveTotp(user)
    await gatehouse.givePhone(user)
    await gatehouse.giveBackupCodes(user)
    const { anonymous } = gatehouse
    const { verifyMfa } = await anonymous.ask(VerifyMfaDocument, {
      input: { challengeId: await loginChallenge(anonymous, user), code: nextCode(seed), trustDevice: true },
    })
    if (verifyMfa.__typename !== 'SignedIn') throw new Error('Not signed in')
    const { token } = await gatehouse.signedInAs(user)
    await other.clientWith(token).ask(MeDocument, {})
    const begun = await loginChallenge(anonymous, user)
    const enrolling = await freshlyProved(gatehouse, user, ['PASSWORD', 'TOTP'])
    const { enrolMfa } = await enrolling.ask(EnrolMfaDocument, { input: { method: 'TOTP' } })

    const { account: admin } = await reset(user)
    for (const each of [token, verifyMfa.sessionToken as string, enrolling.token]) await expectEnded(each)
    const code = nextCode(seed)
    expect(codeOf(await answerChallenge(anonymous, begun, code))).toBe('CHALLENGE_EXPIRED')
    expect(codeOf(await anonymous.send(SendMfaCodeDocument, { input: { challengeId: begun } }))).toBe(
      'CHALLENGE_EXPIRED',
    )
    const again = await freshlyProved(gatehouse, user)
    expect(codeOf(await answerChallenge(again, enrolMfa.challenge.id, code))).toBe('CHALLENGE_EXPIRED')
    const { sql } = gatehouse
    expect(await sql`SELECT id FROM mfa_configurations WHERE user_id = ${user.id}`).toHaveLength(0)
    expect(await sql`SELECT slot FROM backup_codes WHERE user_id = ${user.id}`).toHaveLength(0)
    expect((await again.ask(TrustedDevicesDocument, {})).trustedDevices).toEqual([])
    const { email, password } = user
    const { login } = await anonymous.ask(LoginDocument, {
      input: { email, password, deviceToken: verifyMfa.deviceToken },
    })
    if (login.__typename !== 'SignedIn') throw new Error('A second factor was asked for')
    expect(login.session).toMatchObject({ assurance: 'AAL1', trustedDevice: false })

    const recorded = (await historyOf(gatehouse, user)).filter(({ actor }) => actor?.id === admin.id)
    expect(recorded[0]).toMatchObject({ type: 'MFA_RESET', severity: 'WARNING', details: { reason, factors: 2 } })
    expect(countTypes(recorded)).toEqual({ MFA_RESET: 1, DEVICE_TRUST_REVOKED: 1, SESSION_REVOKED: 3 })
  })

  test('H9: tells the owner by mail, without the reason, which they do not read in their history either', async () => {
    const user = await gatehouse.createUser()
    await gatehouse.giveTotp(user)
    await reset(user)
    expect(await subjectsTo(gatehouse, user.email, 1)).toEqual(['Your second factors were removed'])
    const own = await (await gatehouse.signedInAs(user)).send(SecurityEventsDocument, { first: 10 })
    expect(own.data?.securityEvents.edges.map(({ node }) => [node.type, node.actor, node.details])).toEqual([
      ['MFA_RESET', null, { factors: 1 }],
    ])
    for (const text of [own.text, (await gatehouse.mailTo(user.email))[0]?.text]) expect(text).not.toContain('4713')
  })

  test('leaves a user who owes policy a factor nothing but to enrol anew', async () => {
    const user = await gatehouse.createUser({ role: 'AUDITOR' })
    await gatehouse.giveTotp(user)
    await gatehouse.sql`
      INSERT INTO mfa_policies (role, requirement, grace_days, required_since, updated_at)
      VALUES ('AUDITOR', 'REQUIRED', 0, now(), now())`
    const strict = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
    strict.advanceClock(3600) // ahead of the others, whose clocks were moved
    try {
      await reset(user)
      const session = await freshlyProved(strict, user)
      expect((await session.ask(MyMfaDocument, {})).me.mfa).toMatchObject({ enabled: false, required: true })
      expect((await session.refused(ListSessionsDocument, {})).extensions.code).toBe('MFA_ENROLMENT_REQUIRED')
      await beginEnrolment(session)
    } finally {
      await gatehouse.sql`DELETE FROM mfa_policies`
      await strict.close()
    }
  })

  test('is told NOT_FOUND of nobody, CONFLICT of themselves and of who has no factor, and to say why', async () => {
    const { account, client } = await createAdmin()
    const user = await gatehouse.createUser()
    const expected = [
      [randomUUID(), 'NOT_FOUND'],
      ['no id at all', 'NOT_FOUND'],
      [user.id, 'CONFLICT'],
    ]
    for (const [id = '', code] of expected) {
      expect([id, (await client.refused(ResetUserMfaDocument, { id, reason })).extensions.code]).toEqual([id, code])
    }
    for (const bad of [' ', 'x'.repeat(501), 'two\nlines']) {
      const { extensions } = await client.refused(ResetUserMfaDocument, { id: user.id, reason: bad })
      expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'reason' }] })
    }
    await gatehouse.giveTotp(account)
    const proved = await freshlyProved(gatehouse, account, ['PASSWORD', 'TOTP'])
    for (const id of [account.id, account.id.toUpperCase()]) {
      expect((await proved.refused(ResetUserMfaDocument, { id, reason })).extensions.code).toBe('CONFLICT')
    }
    expect((await proved.ask(MyMfaDocument, {})).me.mfa.factors).toHaveLength(1)
  })
})

describe('at once on two servers', () => {
  test('of fifty answers with a right code none leaves a session that outlives the reset', async () => {
    for (let round = 0; round < roundsOf(3); round++) {
      const user = await gatehouse.createUser()
      const seed = await gatehouse.giveTotp(user)
      const { client } = await createAdmin()
      const challengeIds: string[] = []
      for (let turn = 0; turn < 5; turn++) challengeIds.push(await loginChallenge(gatehouse.anonymous, user))
      const code = nextCode(seed)
      const doors = [gatehouse.anonymous, other.anonymous]
      const [answers] = await Promise.all([
        atOnce(50, doors, (door, index) => answerChallenge(door, challengeIds[index % 5] as string, code)),
        client.ask(ResetUserMfaDocument, { id: user.id, reason }),
      ])
      const live = await gatehouse.sql`
        SELECT authentication_methods FROM user_sessions WHERE user_id = ${user.id} AND ended_at IS NULL`
      expect(live).toEqual([])
      for (const { data } of answers) {
        if (data?.verifyMfa.__typename === 'SignedIn') await expectEnded(data.verifyMfa.sessionToken as string)
      }
    }
  })

  test('of ten resets one is done, recorded and told', async () => {
    const user = await gatehouse.createUser()
    await gatehouse.giveTotp(user)
    const { client } = await createAdmin()
    const doors = [client, other.clientWith(client.token)]
    const answers = await atOnce(10, doors, (door) => door.send(ResetUserMfaDocument, { id: user.id, reason }))
    expect(tally(answers)).toEqual({ OK: 1, CONFLICT: 9 })
    expect(countTypes(await historyOf(gatehouse, user))).toEqual({ MFA_RESET: 1 })
    expect(await gatehouse.sql`SELECT id FROM outgoing_messages WHERE recipient = ${user.email}`).toHaveLength(1)
  })
})
