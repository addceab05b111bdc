import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../support/client.ts'
import {
  ConfirmEmailDocument,
  LoginDocument,
  MeDocument,
  MyMfaDocument,
  RegenerateBackupCodesDocument,
  RegisterDocument,
  RequestStepUpDocument,
  SendMfaCodeDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import {
  codeSentTo,
  confirmationTokenTo,
  type Gatehouse,
  startGatehouse,
  type TestUser,
  testPassword,
} from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { tally } from '../support/race.ts'
import { rootOperations, writtenSchema } from '../support/schema-walk.ts'
import { answerChallenge, beginEnrolment, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

/** Which act wants a fresh proof. Written down apart from the server's own table, so that a change of either is seen. */
const needs: Record<string, 'always' | 'onceEnrolled' | 'never'> = {
  auditEvents: 'never',
  changeEmail: 'always',
  changePassword: 'always',
  confirmEmail: 'never',
  consents: 'never',
  deleteMyAccount: 'always',
  enrolMfa: 'onceEnrolled',
  eraseUser: 'always',
  exportMyData: 'always',
  issueAccessToken: 'never',
  listSessions: 'never',
  login: 'never',
  logout: 'never',
  me: 'never',
  mfaPolicies: 'never',
  reauthenticate: 'onceEnrolled', // it is the step-up of those who have no factor
  recordConsent: 'never',
  refreshSession: 'never',
  regenerateBackupCodes: 'always',
  register: 'never',
  reinstateUser: 'always',
  removeMfaFactor: 'always',
  renameMfaFactor: 'never',
  requestPasswordReset: 'never',
  requestStepUp: 'never',
  resetPassword: 'never',
  resetUserMfa: 'always',
  resolveSessionLimit: 'never',
  revokeOtherSessions: 'never',
  revokeSession: 'never',
  revokeTrustedDevice: 'never',
  revokeUserSessions: 'always',
  securityEvents: 'never',
  securityOverview: 'never',
  sendMfaCode: 'never',
  setMfaPolicy: 'always',
  setPreferredMfaFactor: 'never',
  setUserRole: 'always',
  suspendUser: 'always',
  trustedDevices: 'never',
  unlockUser: 'always',
  user: 'never',
  userSessions: 'never',
  users: 'never',
  verifyAuditLog: 'never',
  verifyMfa: 'never',
}

const operations = rootOperations(writtenSchema, 1)
const fieldsThatWant = (need: 'always' | 'onceEnrolled' | 'never') =>
  operations.map(({ name }) => name).filter((name) => needs[name] === need)

test('every root field of the schema has its place here, and no other', () => {
  expect(operations.map(({ name }) => name).sort()).toEqual(Object.keys(needs).sort())
})

let gatehouse: Gatehouse
let other: Gatehouse
let bystander: TestUser
/** Tables with rows of a user. */
let owned: string[]
beforeAll(async () => {
  gatehouse = await startGatehouse()
  other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
  bystander = await gatehouse.createUser()
  const columns = await gatehouse.sql`
    SELECT table_name AS name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'user_id' AND table_name !~ '^(security_event|mfa_challenges)'
    ORDER BY 1`
  owned = columns.map(({ name }) => name)
})
afterAll(async () => {
  await other.close()
  await gatehouse.close()
})

const at = (seconds: number) => new Date(gatehouse.now().getTime() + seconds * 1000)

/** The code of the next time step: as long as each test moves both clocks on, no test finds one used. */
const nextCode = (seed: string): string => {
  for (const server of [gatehouse, other]) server.advanceClock(30)
  return totpCode(seed, gatehouse.now())
}

interface Held {
  readonly client: Client
  /** What its owner can prove; null without a factor. */
  readonly seed: string | null
}

/** An administrator, who may do everything, with an app. */
const userWithApp = async () => {
  const user = await gatehouse.createUser({ role: 'ADMIN' })
  return { user, seed: await gatehouse.giveTotp(user) }
}

const signedInWith = async (answer: Promise<{ sessionToken?: string | null }>): Promise<Client> =>
  gatehouse.clientWith((await answer).sessionToken as string)

const sessionsOfUsersWithApp: Record<string, () => Promise<Held>> = {
  async 'a session by password alone'() {
    const { user, seed } = await userWithApp()
    return { client: await gatehouse.signedInAs(user), seed }
  },
  async 'a session by password alone, proved a moment ago'() {
    const { user, seed } = await userWithApp()
    return { client: await gatehouse.signedInAs(user, ['PASSWORD'], at(300)), seed }
  },
  async 'a session by password and app, proved more than five minutes ago'() {
    const { user, seed } = await userWithApp()
    const { anonymous } = gatehouse
    const signedIn = completeChallenge(anonymous, await loginChallenge(anonymous, user), nextCode(seed), 'SignedIn')
    const client = await signedInWith(signedIn)
    for (const server of [gatehouse, other]) server.advanceClock(300)
    return { client, seed }
  },
  async 'a session through a trusted device, a moment old'() {
    const { user, seed } = await userWithApp()
    const { anonymous } = gatehouse
    const answer = { challengeId: await loginChallenge(anonymous, user), code: nextCode(seed), trustDevice: true }
    const { verifyMfa } = await anonymous.ask(VerifyMfaDocument, { input: answer })
    const deviceToken = verifyMfa.__typename === 'SignedIn' ? verifyMfa.deviceToken : null
    const { email, password } = user
    const { login } = await anonymous.ask(LoginDocument, { input: { email, password, deviceToken } })
    if (login.__typename !== 'SignedIn') throw new Error('The device is not trusted')
    return { client: gatehouse.clientWith(login.sessionToken as string), seed }
  },
  async 'a session by backup code, a moment old'() {
    const { user, seed } = await userWithApp()
    const [code = ''] = await gatehouse.giveBackupCodes(user)
    const { anonymous } = gatehouse
    const signedIn = completeChallenge(anonymous, await loginChallenge(anonymous, user), code, 'SignedIn')
    return { client: await signedInWith(signedIn), seed }
  },
  async 'a session by text message, a moment old'() {
    const { user, seed } = await userWithApp()
    const phone = await gatehouse.givePhone(user)
    const { anonymous } = gatehouse
    const challengeId = await loginChallenge(anonymous, user)
    await anonymous.ask(SendMfaCodeDocument, { input: { challengeId } })
    const code = await codeSentTo(gatehouse, phone)
    return { client: await signedInWith(completeChallenge(anonymous, challengeId, code, 'SignedIn')), seed }
  },
  async 'a session from before the factor, whose password was proved a moment ago'() {
    const user = await gatehouse.createUser({ role: 'ADMIN' })
    const client = await gatehouse.signedInAs(user, ['PASSWORD'], at(300))
    await client.ask(MyMfaDocument, {})
    const elsewhere = other.clientWith((await gatehouse.signedInAs(user)).token)
    const { challenge, secret } = await beginEnrolment(elsewhere)
    await completeChallenge(elsewhere, challenge.id, nextCode(secret), 'MfaActivated')
    return { client, seed: secret }
  },
}

const sessionsOfUsersWithout: Record<string, () => Promise<Held>> = {
  async 'a session without a factor that was never proved anew'() {
    return { client: await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' })), seed: null }
  },
  async 'a session without a factor, proved more than five minutes ago'() {
    const user = await gatehouse.createUser({ role: 'ADMIN' })
    const { email, password } = user
    const { login } = await gatehouse.anonymous.ask(LoginDocument, { input: { email, password } })
    if (login.__typename !== 'SignedIn') throw new Error('There is a second factor')
    for (const server of [gatehouse, other]) server.advanceClock(300)
    return { client: gatehouse.clientWith(login.sessionToken as string), seed: null }
  },
  async 'a session that the confirmation of an address opened'() {
    const email = `new-${randomBytes(6).toString('hex')}@example.com`
    const { anonymous, sql } = gatehouse
    await anonymous.ask(RegisterDocument, { input: { email, password: testPassword } })
    const token = await confirmationTokenTo(gatehouse, email)
    await sql`UPDATE users SET role = 'ADMIN' WHERE email = ${email}`
    const { confirmEmail } = await anonymous.ask(ConfirmEmailDocument, { input: { token } })
    if (confirmEmail.__typename !== 'SignedIn') throw new Error('Nobody is signed in')
    return { client: gatehouse.clientWith(confirmEmail.sessionToken as string), seed: null }
  },
}

const putBystander = async (status: string): Promise<void> => {
  await gatehouse.sql`UPDATE users SET status = ${status} WHERE id = ${bystander.id}`
}

/** Each act with arguments that change something. */
const realCall: Record<string, (held: { factorId: string }) => string | Promise<string>> = {
  changeEmail: () =>
    `mutation { changeEmail(newEmail: "new-${randomBytes(6).toString('hex')}@example.com") { email } }`,
  changePassword: () =>
    `mutation { changePassword(input: { currentPassword: "${testPassword}", newPassword: "a passphrase for later days" }) { endedSessions } }`,
  enrolMfa: () => 'mutation { enrolMfa(input: { method: TOTP }) { __typename } }',
  reauthenticate: () => `mutation { reauthenticate(password: "${testPassword}") { sessionToken } }`,
  regenerateBackupCodes: () => 'mutation { regenerateBackupCodes { codes } }',
  removeMfaFactor: ({ factorId }) => `mutation { removeMfaFactor(id: "${factorId}") { enabled } }`,
  async reinstateUser() {
    await putBystander('SUSPENDED')
    return `mutation { reinstateUser(id: "${bystander.id}") { id } }`
  },
  async resetUserMfa() {
    await gatehouse.sql`DELETE FROM mfa_configurations WHERE user_id = ${bystander.id}`
    await gatehouse.giveTotp(bystander)
    return `mutation { resetUserMfa(id: "${bystander.id}", reason: "lost phone") { id } }`
  },
  async revokeUserSessions() {
    await gatehouse.signedInAs(bystander)
    return `mutation { revokeUserSessions(id: "${bystander.id}", reason: "lost laptop") { id } }`
  },
  deleteMyAccount: () => 'mutation { deleteMyAccount { id } }',
  async eraseUser() {
    const { id } = await gatehouse.createUser()
    return `mutation { eraseUser(id: "${id}", reason: "asked for by letter") { id } }`
  },
  exportMyData: () => 'mutation { exportMyData { data } }',
  setMfaPolicy: () =>
    'mutation { setMfaPolicy(input: { role: AUDITOR, requirement: OPTIONAL, graceDays: 3 }) { role } }',
  async setUserRole() {
    await gatehouse.sql`UPDATE users SET role = 'USER', status = 'ACTIVE' WHERE id = ${bystander.id}`
    return `mutation { setUserRole(id: "${bystander.id}", role: AUDITOR) { id } }`
  },
  async suspendUser() {
    await putBystander('ACTIVE')
    return `mutation { suspendUser(id: "${bystander.id}", reason: "spam") { id } }`
  },
  unlockUser: () => `mutation { unlockUser(id: "${bystander.id}") { id } }`,
}

/** What each act answers to one whose proof is fresh, where that is not success. */
const codeOnceProved: Record<'withApp' | 'without', Record<string, string>> = {
  withApp: { reauthenticate: 'CONFLICT' },
  without: { regenerateBackupCodes: 'CONFLICT' },
}

/** What the acts could change. Not compared: events, and challenges, of which a refusal opens one. */
const stateOf = async (userId: string): Promise<string> => {
  const { sql } = gatehouse
  const rows = await Promise.all([
    sql`SELECT t::text AS text FROM users t WHERE id IN ${sql([userId, bystander.id])} ORDER BY id`,
    sql`SELECT t::text AS text FROM mfa_policies t ORDER BY role`,
    // When a session was last used is written down after the request that uses it.
    ...owned.map(
      (name) => sql`
        SELECT (to_jsonb(t) - 'last_seen_at' - 'idle_expires_at')::text AS text FROM ${sql(name)} t
        WHERE user_id IN ${sql([userId, bystander.id])} ORDER BY 1`,
    ),
  ])
  return rows
    .flat()
    .map(({ text }) => text)
    .join('\n')
}

const callFor = async ({ client, seed }: Held, field: string): Promise<string> => {
  if (field === 'removeMfaFactor' && seed === null) await beginEnrolment(client)
  const [factor] = (await client.ask(MyMfaDocument, {})).me.mfa.factors
  const call = realCall[field]
  if (!call) throw new Error(`There is no call of ${field}`)
  return call({ factorId: factor?.id ?? '' })
}

const expectRefused = async (held: Held, text: string) => {
  const { me } = await held.client.ask(MeDocument, {})
  const before = await stateOf(me.id)
  const { data, errors } = await held.client.sendText(text)
  expect(data ?? null).toBeNull()
  expect(errors).toHaveLength(1)
  expect(errors?.[0]?.extensions.code).toBe('STEP_UP_REQUIRED')
  expect(await stateOf(me.id)).toBe(before)
  return errors?.[0]?.extensions
}

/** Every act is tried in sessions of one kind, and these in sessions of every kind: what decides is the same for all. */
const ofEachFeature = ['changeEmail', 'deleteMyAccount', 'enrolMfa', 'eraseUser', 'removeMfaFactor', 'setMfaPolicy']
const everyKind = Object.entries(sessionsOfUsersWithApp).map(([kind, open], n) => ({ kind, open, isFirst: n === 0 }))

describe.each(everyKind)('B7, B8: $kind', ({ open, isFirst }) => {
  const sensitive = [...fieldsThatWant('always'), ...fieldsThatWant('onceEnrolled')]
  test.each(sensitive.filter((field) => isFirst || ofEachFeature.includes(field)))(
    'does not open %s, which changes nothing, until a code of the app was answered',
    async (field) => {
      const held = await open()
      const text = await callFor(held, field)
      const refusal = await expectRefused(held, text)
      expect(refusal?.methods).toContain('TOTP')
      expect(refusal?.methods).not.toContain('SMS')
      expect(refusal?.methods).not.toContain('PASSWORD')

      const code = nextCode(held.seed as string)
      const { sessionToken } = await completeChallenge(held.client, String(refusal?.challengeId), code, 'SteppedUp')
      const { errors } = await gatehouse.clientWith(sessionToken).sendText(text)
      expect(errors?.[0]?.extensions.code).toBe(codeOnceProved.withApp[field])
    },
  )
})

describe.each(Object.entries(sessionsOfUsersWithout))('B8: %s', (_kind, open) => {
  test.each(fieldsThatWant('always'))(
    'does not open %s, which changes nothing, until the password was proved again',
    async (field) => {
      const held = await open()
      const text = await callFor(held, field)
      expect(await expectRefused(held, text)).toEqual({ code: 'STEP_UP_REQUIRED', methods: ['PASSWORD'] })

      const { data } = await held.client.sendText(await callFor(held, 'reauthenticate'))
      const renewed = data?.reauthenticate as { sessionToken: string } | undefined
      const { errors } = await gatehouse.clientWith(renewed?.sessionToken ?? '').sendText(text)
      expect(errors?.[0]?.extensions.code).toBe(codeOnceProved.without[field])
    },
  )

  test.each(fieldsThatWant('onceEnrolled'))('opens %s: there is no factor to prove yet', async (field) => {
    const held = await open()
    const { errors } = await held.client.sendText(await callFor(held, field))
    expect(errors).toBeUndefined()
  })
})

describe.each(Object.entries({ ...sessionsOfUsersWithApp, ...sessionsOfUsersWithout }))('%s', (_kind, open) => {
  test('is enough for every act that wants no fresh proof', async () => {
    const { client } = await open()
    for (const { name, text } of operations) {
      if (needs[name] !== 'never' || name === 'logout') continue
      expect([name, (await client.sendText(text)).errors?.[0]?.extensions.code]).not.toContain('STEP_UP_REQUIRED')
    }
  })
})

describe('B8: a fresh proof', () => {
  test('by app at sign-in counts for five minutes, and no longer', async () => {
    const { user, seed } = await userWithApp()
    const { anonymous } = gatehouse
    const signedIn = completeChallenge(anonymous, await loginChallenge(anonymous, user), nextCode(seed), 'SignedIn')
    const client = await signedInWith(signedIn)
    gatehouse.advanceClock(295)
    await client.ask(RegenerateBackupCodesDocument, {})
    gatehouse.advanceClock(5)
    expect((await client.refused(RegenerateBackupCodesDocument, {})).extensions.code).toBe('STEP_UP_REQUIRED')
    other.advanceClock(300)
  })

  test('raises the session that asked for it, and no other of the same user', async () => {
    const { user, seed } = await userWithApp()
    const [mine, theirs] = [await gatehouse.signedInAs(user), await gatehouse.signedInAs(user)]
    const { requestStepUp } = await mine.ask(RequestStepUpDocument, {})
    const { sessionToken } = await completeChallenge(mine, requestStepUp.id, nextCode(seed), 'SteppedUp')
    for (const server of [gatehouse, other]) {
      const thief = server.clientWith(theirs.token)
      expect((await thief.refused(RegenerateBackupCodesDocument, {})).extensions.code).toBe('STEP_UP_REQUIRED')
    }
    await other.clientWith(sessionToken).ask(RegenerateBackupCodesDocument, {})
  })

  test('at sign-in raises the new session, and no other of the same user', async () => {
    const { user, seed } = await userWithApp()
    const older = await gatehouse.signedInAs(user)
    const challengeId = await loginChallenge(older, user)
    await completeChallenge(older, challengeId, nextCode(seed), 'SignedIn')
    expect((await older.refused(RegenerateBackupCodesDocument, {})).extensions.code).toBe('STEP_UP_REQUIRED')
  })

  test('is asked for by a challenge that is over for every other session, which can not even use up its tries', async () => {
    const { user, seed } = await userWithApp()
    await gatehouse.givePhone(user)
    const mine = await gatehouse.signedInAs(user)
    const { challengeId } = (await mine.refused(RegenerateBackupCodesDocument, {})).extensions
    const id = String(challengeId)
    const strangers = [
      await gatehouse.signedInAs(user),
      other.clientWith((await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], at(300))).token),
      await gatehouse.signedInAs(bystander),
      gatehouse.anonymous,
    ]
    const code = nextCode(seed)
    for (const stranger of strangers) {
      for (const typed of [code, '000000', '0-00000-00000']) {
        expect(tally([await answerChallenge(stranger, id, typed)])).toEqual({ CHALLENGE_EXPIRED: 1 })
      }
      const send = await stranger.refused(SendMfaCodeDocument, { input: { challengeId: id } })
      expect(send.extensions).toEqual({ code: 'CHALLENGE_EXPIRED' })
    }
    await completeChallenge(mine, id, code, 'SteppedUp')
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ STEP_UP_SUCCEEDED: 1, MFA_SUCCEEDED: 1 })
  })

  test('of an enrolment counts for its session alone, and another session can not finish the enrolment', async () => {
    const user = await gatehouse.createUser()
    const [mine, theirs] = [await gatehouse.signedInAs(user), await gatehouse.signedInAs(user)]
    const { challenge, secret } = await beginEnrolment(mine)
    const code = nextCode(secret)
    expect(tally([await answerChallenge(theirs, challenge.id, code)])).toEqual({ CHALLENGE_EXPIRED: 1 })
    const { sessionToken } = await completeChallenge(mine, challenge.id, code, 'MfaActivated')
    await gatehouse.clientWith(sessionToken).ask(RegenerateBackupCodesDocument, {})
    expect((await theirs.refused(RegenerateBackupCodesDocument, {})).extensions.code).toBe('STEP_UP_REQUIRED')
  })

  test('is given once: its challenge is over', async () => {
    const { user, seed } = await userWithApp()
    const session = await gatehouse.signedInAs(user)
    const { requestStepUp } = await session.ask(RequestStepUpDocument, {})
    const { sessionToken } = await completeChallenge(session, requestStepUp.id, nextCode(seed), 'SteppedUp')
    const again = await answerChallenge(gatehouse.clientWith(sessionToken), requestStepUp.id, nextCode(seed))
    expect(tally([again])).toEqual({ CHALLENGE_EXPIRED: 1 })
  })
})
