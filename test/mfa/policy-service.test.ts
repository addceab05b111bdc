import { afterEach, beforeEach, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import type { Client } from '../support/client.ts'
import {
  EnrolMfaDocument,
  ListSessionsDocument,
  MfaPoliciesDocument,
  type MfaPoliciesQuery,
  MyMfaDocument,
  RegenerateBackupCodesDocument,
  SetMfaPolicyDocument,
  type SetMfaPolicyMutationVariables,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { eventsWhere } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { rootOperations, writtenSchema } from '../support/schema-walk.ts'
import { beginEnrolment, completeChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

type PolicyInput = SetMfaPolicyMutationVariables['input']

const day = 24 * 3600
const dayMs = day * 1000

let gatehouse: Gatehouse
let other: Gatehouse
beforeEach(async () => {
  gatehouse = await startGatehouse() // of its own: policies hold for all users of a database
  other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
})
afterEach(async () => {
  await other.close()
  await gatehouse.close()
})

const advanceClocks = (seconds: number): void => {
  for (const server of [gatehouse, other]) server.advanceClock(seconds)
}

/** An administrator who proved themselves just now. */
const freshAdmin = async (admin?: TestUser) =>
  gatehouse.signedInAs(
    admin ?? (await gatehouse.createUser({ role: 'ADMIN' })),
    ['PASSWORD'],
    new Date(gatehouse.now().getTime() + 60_000),
  )

const setPolicy = async (input: PolicyInput) =>
  (await (await freshAdmin()).ask(SetMfaPolicyDocument, { input })).setMfaPolicy

const mfaOf = async (user: TestUser) => (await (await gatehouse.signedInAs(user)).ask(MyMfaDocument, {})).me.mfa

/** What becomes of an ordinary request. */
const outcomeOf = async (client: Client): Promise<string> =>
  (await client.send(ListSessionsDocument, {})).errors?.[0]?.extensions.code ?? 'OK'

/** What becomes of an ordinary request in a new session of this user. */
const outcomeFor = async (user: TestUser): Promise<string> => outcomeOf(await gatehouse.signedInAs(user))

test('an administrator with a fresh proof sets what a role must have, and nobody else does', async () => {
  const input = { role: 'USER', requirement: 'REQUIRED', graceDays: 3 } as const
  for (const role of ['USER', 'AUDITOR'] as const) {
    const user = await gatehouse.createUser({ role })
    const raised = await gatehouse.signedInAs(user, ['PASSWORD'], new Date(gatehouse.now().getTime() + 60_000))
    expect((await raised.refused(SetMfaPolicyDocument, { input })).extensions).toEqual({ code: 'FORBIDDEN' })
  }
  const admin = await gatehouse.createUser({ role: 'ADMIN' })
  const stale = await gatehouse.signedInAs(admin, ['PASSWORD'], new Date(gatehouse.now().getTime() - 1000))
  expect((await stale.refused(SetMfaPolicyDocument, { input })).extensions).toEqual({
    code: 'STEP_UP_REQUIRED',
    methods: ['PASSWORD'],
  })
  expect((await gatehouse.anonymous.refused(SetMfaPolicyDocument, { input })).extensions.code).toBe('UNAUTHENTICATED')
  expect(await gatehouse.sql`SELECT 1 FROM mfa_policies`).toHaveLength(0)

  const { setMfaPolicy } = await (await freshAdmin(admin)).ask(SetMfaPolicyDocument, { input })
  expect(setMfaPolicy).toMatchObject(input)
  const events = await eventsWhere(gatehouse, { types: ['POLICY_CHANGED'] })
  expect(events).toMatchObject([{ outcome: 'SUCCESS', user: null, actor: { id: admin.id }, details: input }])
})

test('an administrator with a factor proves it before a policy is set', async () => {
  const admin = await gatehouse.createUser({ role: 'ADMIN' })
  await gatehouse.giveTotp(admin)
  const input = { role: 'USER', requirement: 'REQUIRED' } as const
  const { extensions } = await (await freshAdmin(admin)).refused(SetMfaPolicyDocument, { input })
  expect(extensions).toMatchObject({ code: 'STEP_UP_REQUIRED', methods: ['TOTP'] })
  expect(await gatehouse.sql`SELECT 1 FROM mfa_policies`).toHaveLength(0)
})

test('administrators and auditors read the policies of all three roles, whether set or not', async () => {
  const { updatedAt } = await setPolicy({ role: 'AUDITOR', requirement: 'REQUIRED', graceDays: 365 })
  expect(updatedAt).not.toBeNull()
  const unset = { requirement: 'OPTIONAL', graceDays: 0, updatedAt: null }
  for (const role of ['ADMIN', 'AUDITOR'] as const) {
    const reader = await gatehouse.signedInAs(await gatehouse.createUser({ role }))
    expect((await reader.ask(MfaPoliciesDocument, {})).mfaPolicies).toEqual([
      { role: 'USER', ...unset },
      { role: 'AUDITOR', requirement: 'REQUIRED', graceDays: 365, updatedAt },
      { role: 'ADMIN', ...unset },
    ])
  }
  const user = await gatehouse.signedInAs(await gatehouse.createUser())
  expect((await user.refused(MfaPoliciesDocument, {})).extensions.code).toBe('FORBIDDEN')
})

test('graceDays is from 0 to 365, and 0 where it is left out', async () => {
  const admin = await freshAdmin()
  for (const graceDays of [-1, 366, -2_147_483_648, 2_147_483_647]) {
    const input = { role: 'USER', requirement: 'REQUIRED', graceDays } as const
    const { extensions } = await admin.refused(SetMfaPolicyDocument, { input })
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'input.graceDays' }] })
  }
  expect(await gatehouse.sql`SELECT 1 FROM mfa_policies`).toHaveLength(0)
  expect(await setPolicy({ role: 'USER', requirement: 'OPTIONAL', graceDays: 365 })).toMatchObject({ graceDays: 365 })
  expect(await setPolicy({ role: 'USER', requirement: 'OPTIONAL' })).toMatchObject({ graceDays: 0 })
})

test('the days of grace count from the policy for whoever was there, and from the account for whoever comes', async () => {
  const early = await gatehouse.createUser()
  advanceClocks(day)
  const { updatedAt } = await setPolicy({ role: 'USER', requirement: 'REQUIRED', graceDays: 7 })
  advanceClocks(2 * day)
  const late = await gatehouse.createUser()

  const start = Date.parse(updatedAt as string)
  expect(await mfaOf(early)).toMatchObject({ required: true, graceEndsAt: new Date(start + 7 * dayMs).toISOString() })
  const lateEnd = new Date(late.createdAt.getTime() + 7 * dayMs).toISOString()
  expect(await mfaOf(late)).toMatchObject({ required: true, graceEndsAt: lateEnd })

  advanceClocks(5 * day - 60) // a minute before the first of the two ends
  const open = await gatehouse.signedInAs(early)
  expect([await outcomeOf(open), await outcomeFor(late)]).toEqual(['OK', 'OK'])
  advanceClocks(61)
  expect([await outcomeOf(open), await outcomeFor(late)]).toEqual(['MFA_ENROLMENT_REQUIRED', 'OK'])
  expect(await mfaOf(early)).toMatchObject({ required: true }) // `me` stays open
  advanceClocks(2 * day)
  expect(await outcomeFor(late)).toBe('MFA_ENROLMENT_REQUIRED')
})

/** What stays open to a user who owes a factor. Written down apart from the server's own table. */
const open = new Set([
  'me',
  'logout',
  'enrolMfa',
  'verifyMfa',
  'sendMfaCode',
  'register',
  'confirmEmail',
  'login',
  'requestPasswordReset',
  'resetPassword',
  'resolveSessionLimit',
])
const administrators = [
  ...['setMfaPolicy', 'unlockUser', 'suspendUser', 'reinstateUser', 'revokeUserSessions'],
  ...['setUserRole', 'resetUserMfa', 'eraseUser'],
]
const readers = ['auditEvents', 'mfaPolicies', 'securityOverview', 'user', 'users', 'userSessions', 'verifyAuditLog']
const forbiddenTo: Record<'USER' | 'AUDITOR' | 'ADMIN', readonly string[]> = {
  USER: [...readers, ...administrators],
  AUDITOR: administrators,
  ADMIN: [],
}

test.each(['USER', 'AUDITOR', 'ADMIN'] as const)(
  'after the grace one with the role %s who owes a factor gets at nothing but what it takes to enrol, on any server',
  async (role) => {
    const user = await gatehouse.createUser({ role })
    const operations = rootOperations(writtenSchema, 0)
    expect(operations.length).toBeGreaterThan(20)
    const sessions = new Map<string, Gatehouse['anonymous'] & { token: string }>()
    for (const { name } of operations) sessions.set(name, await gatehouse.signedInAs(user)) // opened before the policy
    const probe = await gatehouse.signedInAs(user)
    expect(await outcomeOf(other.clientWith(probe.token))).toBe('OK')

    await setPolicy({ role, requirement: 'REQUIRED', graceDays: 0 })
    expect(await outcomeOf(probe)).toBe('MFA_ENROLMENT_REQUIRED')
    await eventually(async () => (await outcomeOf(other.clientWith(probe.token))) === 'MFA_ENROLMENT_REQUIRED')

    const forbidden = forbiddenTo[role]
    for (const server of [other, gatehouse]) {
      for (const { name, text } of operations) {
        if (name === 'logout' && server === other) continue // it ends the session: once is enough
        const { errors } = await server.clientWith(sessions.get(name)?.token as string).sendText(text)
        const code = errors?.[0]?.extensions.code ?? 'OK'
        if (open.has(name)) expect([name, code]).not.toEqual([name, 'MFA_ENROLMENT_REQUIRED'])
        else if (forbidden.includes(name)) expect([name, code]).toEqual([name, 'FORBIDDEN'])
        else expect([name, code]).toEqual([name, 'MFA_ENROLMENT_REQUIRED'])
      }
    }
    await expectUnharmed(gatehouse, { secrets: [probe.token, user.password] })
  },
)

test('one request with a field that is open and one that is not gets the open one alone', async () => {
  const session = await gatehouse.signedInAs(await gatehouse.createUser())
  await setPolicy({ role: 'USER', requirement: 'REQUIRED' })
  const { data, errors } = await session.sendText('{ me { id } again: me { mfa { required } } listSessions { id } }')
  expect(errors?.map(({ path, extensions }) => [path, extensions.code])).toEqual([
    [['listSessions'], 'MFA_ENROLMENT_REQUIRED'],
  ])
  expect(data ?? null).toBeNull() // listSessions is never null, so nothing of the answer stands
})

test('a user who owes a factor enrols one, and is let in at once on every server', async () => {
  const user = await gatehouse.createUser()
  await setPolicy({ role: 'USER', requirement: 'REQUIRED' })
  const session = await gatehouse.signedInAs(user)
  expect(await outcomeOf(session)).toBe('MFA_ENROLMENT_REQUIRED')
  const { challenge, secret } = await beginEnrolment(session)
  expect(await outcomeOf(session)).toBe('MFA_ENROLMENT_REQUIRED') // begun is not done
  const { sessionToken, backupCodes } = await completeChallenge(
    session,
    challenge.id,
    totpCode(secret, gatehouse.now()),
    'MfaActivated',
  )
  expect(backupCodes?.codes.length).toBeGreaterThan(0)
  const token = sessionToken as string
  expect(await outcomeOf(gatehouse.clientWith(token))).toBe('OK')
  expect(await outcomeOf(other.clientWith(token))).toBe('OK')
  const { me } = await gatehouse.clientWith(token).ask(MyMfaDocument, {})
  expect(me.mfa).toMatchObject({ enabled: true, required: true, graceEndsAt: null })
})

test('a user with a factor is asked for nothing, whatever the policy', async () => {
  const user = await gatehouse.createUser()
  await gatehouse.giveTotp(user)
  const session = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'])
  await setPolicy({ role: 'USER', requirement: 'REQUIRED' })
  expect(await outcomeOf(session)).toBe('OK')
  expect(await mfaOf(user)).toMatchObject({ required: true, graceEndsAt: null })
})

test('a policy holds for its role alone', async () => {
  await setPolicy({ role: 'AUDITOR', requirement: 'REQUIRED' })
  const outcomes = await Promise.all(
    (['USER', 'AUDITOR', 'ADMIN'] as const).map(async (role) => outcomeFor(await gatehouse.createUser({ role }))),
  )
  expect(outcomes).toEqual(['OK', 'MFA_ENROLMENT_REQUIRED', 'OK'])
})

test('an administrator who is bound by the policy enrols before anything else', async () => {
  const admin = await gatehouse.createUser({ role: 'ADMIN' })
  await setPolicy({ role: 'ADMIN', requirement: 'REQUIRED' })
  const session = await freshAdmin(admin)
  const input = { role: 'ADMIN', requirement: 'OPTIONAL' } as const
  expect((await session.refused(SetMfaPolicyDocument, { input })).extensions.code).toBe('MFA_ENROLMENT_REQUIRED')
  expect((await session.refused(RegenerateBackupCodesDocument, {})).extensions.code).toBe('MFA_ENROLMENT_REQUIRED')
  await session.ask(EnrolMfaDocument, { input: { method: 'TOTP' } })
})

test('other days of grace count from the same start; OPTIONAL and REQUIRED again count anew', async () => {
  const user = await gatehouse.createUser()
  const first = await setPolicy({ role: 'USER', requirement: 'REQUIRED', graceDays: 5 })
  const start = Date.parse(first.updatedAt as string)
  const endAfter = (from: number, count: number) => new Date(from + count * dayMs).toISOString()
  advanceClocks(3 * day)
  const second = await setPolicy({ role: 'USER', requirement: 'REQUIRED', graceDays: 10 })
  expect(Date.parse(second.updatedAt as string)).toBeGreaterThan(start)
  expect((await mfaOf(user)).graceEndsAt).toBe(endAfter(start, 10))
  await setPolicy({ role: 'USER', requirement: 'REQUIRED', graceDays: 1 })
  expect((await mfaOf(user)).graceEndsAt).toBe(endAfter(start, 1))
  expect(await outcomeFor(user)).toBe('MFA_ENROLMENT_REQUIRED')

  await setPolicy({ role: 'USER', requirement: 'OPTIONAL', graceDays: 1 })
  expect(await mfaOf(user)).toMatchObject({ required: false, graceEndsAt: null })
  expect(await outcomeFor(user)).toBe('OK')
  const again = await setPolicy({ role: 'USER', requirement: 'REQUIRED', graceDays: 1 })
  expect((await mfaOf(user)).graceEndsAt).toBe(endAfter(Date.parse(again.updatedAt as string), 1))
  expect(await outcomeFor(user)).toBe('OK')
})

test('a policy that is lifted is lifted on every server', async () => {
  const session = await gatehouse.signedInAs(await gatehouse.createUser())
  const elsewhere = other.clientWith(session.token)
  await setPolicy({ role: 'USER', requirement: 'REQUIRED' })
  await eventually(async () => (await outcomeOf(elsewhere)) === 'MFA_ENROLMENT_REQUIRED')
  await setPolicy({ role: 'USER', requirement: 'OPTIONAL' })
  expect(await outcomeOf(session)).toBe('OK')
  await eventually(async () => (await outcomeOf(elsewhere)) === 'OK')
})

test('a policy survives a restart', async () => {
  const session = await gatehouse.signedInAs(await gatehouse.createUser())
  const { updatedAt } = await setPolicy({ role: 'USER', requirement: 'REQUIRED', graceDays: 0 })
  const restarted = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
  try {
    expect(await outcomeOf(restarted.clientWith(session.token))).toBe('MFA_ENROLMENT_REQUIRED')
    const reader = await restarted.signedInAs(await restarted.createUser({ role: 'AUDITOR' }))
    const { mfaPolicies } = await reader.ask(MfaPoliciesDocument, {})
    expect(mfaPolicies[0]).toEqual({ role: 'USER', requirement: 'REQUIRED', graceDays: 0, updatedAt })
  } finally {
    await restarted.close()
  }
})

test('of 50 policies set at once on two servers one stands, whole, and both servers hold it', async () => {
  const admins = await Promise.all(Array.from({ length: 5 }, () => freshAdmin()))
  const forms = Array.from({ length: 50 }, (_none, index) => ({
    role: 'USER' as const,
    requirement: index % 2 === 0 ? ('REQUIRED' as const) : ('OPTIONAL' as const),
    graceDays: index + 1,
  }))
  const doors = admins.flatMap(({ token }) => [gatehouse.clientWith(token), other.clientWith(token)])
  const answers = await atOnce(50, doors, (door, index) =>
    door.send(SetMfaPolicyDocument, { input: forms[index] as PolicyInput }),
  )
  expect(tally(answers)).toEqual({ OK: 50 })

  const rows = await gatehouse.sql`SELECT role, requirement, grace_days, required_since FROM mfa_policies`
  expect(rows).toHaveLength(1)
  const [row] = rows
  const set = { role: row?.role, requirement: row?.requirement, graceDays: row?.grace_days }
  expect(forms).toContainEqual(set)
  expect(row?.required_since !== null).toBe(set.requirement === 'REQUIRED')
  expect(await eventsWhere(gatehouse, { types: ['POLICY_CHANGED'] })).toHaveLength(50)

  const auditor = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'AUDITOR' }))
  const listedBy = async (server: Gatehouse): Promise<MfaPoliciesQuery['mfaPolicies'][number] | undefined> =>
    (await server.clientWith(auditor.token).ask(MfaPoliciesDocument, {})).mfaPolicies[0]
  for (const server of [gatehouse, other]) {
    await eventually(async () => (await listedBy(server))?.graceDays === set.graceDays)
    expect(await listedBy(server)).toMatchObject(set)
  }
})
