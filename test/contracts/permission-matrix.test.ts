import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Client } from '../support/client.ts'
import { IssueAccessTokenDocument, LogoutDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { connect, openSocket } from '../support/live-socket.ts'
import { rootOperations, subscriptionOperations, writtenSchema } from '../support/schema-walk.ts'
import { loginChallenge } from '../support/second-factor.ts'

type Verdict = 'allowed' | 'UNAUTHENTICATED' | 'FORBIDDEN'
const anyone = { unknown: 'allowed', USER: 'allowed', AUDITOR: 'allowed', ADMIN: 'allowed' } as const
const signedIn = { ...anyone, unknown: 'UNAUTHENTICATED' } as const
const readersOfAll = { ...signedIn, USER: 'FORBIDDEN' } as const
const administrators = { ...readersOfAll, AUDITOR: 'FORBIDDEN' } as const

/** Who may call what. Written down apart from the server's own table, so that a change of either is seen. */
const verdicts: Record<string, Record<'unknown' | 'USER' | 'AUDITOR' | 'ADMIN', Verdict>> = {
  auditEvents: readersOfAll,
  changeEmail: signedIn,
  changePassword: signedIn,
  confirmEmail: anyone,
  consents: signedIn,
  deleteMyAccount: signedIn,
  enrolMfa: signedIn,
  eraseUser: administrators,
  exportMyData: signedIn,
  issueAccessToken: signedIn,
  listSessions: signedIn,
  login: anyone,
  logout: signedIn,
  me: signedIn,
  mfaPolicies: readersOfAll,
  reauthenticate: signedIn,
  recordConsent: signedIn,
  regenerateBackupCodes: signedIn,
  refreshSession: signedIn,
  reinstateUser: administrators,
  register: anyone,
  removeMfaFactor: signedIn,
  renameMfaFactor: signedIn,
  requestPasswordReset: anyone,
  requestStepUp: signedIn,
  resetPassword: anyone,
  resetUserMfa: administrators,
  resolveSessionLimit: anyone,
  revokeOtherSessions: signedIn,
  revokeSession: signedIn,
  revokeTrustedDevice: signedIn,
  revokeUserSessions: administrators,
  securityEvents: signedIn,
  securityOverview: readersOfAll,
  sendMfaCode: anyone,
  setMfaPolicy: administrators,
  setPreferredMfaFactor: signedIn,
  setUserRole: administrators,
  suspendUser: administrators,
  trustedDevices: signedIn,
  unlockUser: administrators,
  user: readersOfAll,
  userSessions: readersOfAll,
  users: readersOfAll,
  verifyAuditLog: readersOfAll,
  verifyMfa: anyone,
}

/** Nobody else gets a socket. */
const subscriptionVerdicts: Record<string, Record<'USER' | 'AUDITOR' | 'ADMIN', Verdict>> = {
  auditEvents: readersOfAll,
  securityEvents: signedIn,
  sessionEnded: signedIn,
}

/** What is refused to one who may call: what is not theirs, and what wants a fresh proof (see step-up.test.ts). */
const furtherRefusals = ['NOT_FOUND', 'STEP_UP_REQUIRED']

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
beforeEach(() => gatehouse.sql`DELETE FROM repeated_refusals`) // or one that was refused before would only be counted
afterAll(() => gatehouse.close())

const signedInWith = (role: 'USER' | 'AUDITOR' | 'ADMIN') => async (): Promise<Client> =>
  gatehouse.signedInAs(await gatehouse.createUser({ role }))

const challengeOfLogin = async (): Promise<string> => {
  const user = await gatehouse.createUser({ role: 'ADMIN' })
  await gatehouse.giveTotp(user)
  return loginChallenge(gatehouse.anonymous, user)
}

const callers: Record<string, [keyof (typeof verdicts)[string], () => Promise<Client>]> = {
  nobody: ['unknown', async () => gatehouse.anonymous],
  'a garbage token': ['unknown', async () => gatehouse.clientWith('gts_garbage')],
  'a token with a wrong checksum': ['unknown', async () => gatehouse.clientWith(`gts_${'A'.repeat(67)}`)],
  'the id of a LOGIN challenge as token': ['unknown', async () => gatehouse.clientWith(await challengeOfLogin())],
  'the id of a session as token': [
    'unknown',
    async () => gatehouse.clientWith((await gatehouse.signedInAs(await gatehouse.createUser())).sessionId),
  ],
  'a user': ['USER', signedInWith('USER')],
  'an auditor': ['AUDITOR', signedInWith('AUDITOR')],
  'an administrator': ['ADMIN', signedInWith('ADMIN')],
}

const refusalsOf = (field: string) =>
  gatehouse.sql`
    SELECT e.user_id, e.session_id, e.outcome, p.details FROM security_events e
    JOIN security_event_personal_data p ON p.event_id = e.id
    WHERE e.type = 'ACCESS_DENIED' AND p.details->>'field' = ${field} ORDER BY e.id`

const operations = rootOperations(writtenSchema, 1)

test('every root field of the schema has its verdicts here, and no other', () => {
  expect(operations.map(({ name }) => name).sort()).toEqual(Object.keys(verdicts).sort())
})

describe.each(Object.entries(callers))('%s', (_caller, [kind, connect]) => {
  test.each(operations)('$name is answered as the table says, a refusal recorded once', async ({ name, text }) => {
    const client = await connect()
    const before = (await refusalsOf(name)).length
    const { status, data, errors } = await client.sendText(text)
    const code = errors?.[0]?.extensions.code
    const verdict = verdicts[name]?.[kind]
    const recorded = (await refusalsOf(name)).slice(before)
    if (verdict === 'allowed') {
      expect(['UNAUTHENTICATED', 'FORBIDDEN', 'SESSION_ENDED', 'INTERNAL_SERVER_ERROR']).not.toContain(code)
      expect(recorded.filter(({ details }) => !furtherRefusals.includes(details.code))).toEqual([])
      return
    }
    expect([code, data?.[name] ?? null, status]).toEqual([verdict, null, verdict === 'FORBIDDEN' ? 403 : 401])
    expect(recorded).toMatchObject([{ outcome: 'DENIED', details: { field: name, code: verdict } }])
    expect(recorded.map((row) => row.user_id === null)).toEqual([kind === 'unknown'])
  })
})

const subscriptions = subscriptionOperations(writtenSchema, 1)

test('every subscription of the schema has its verdicts here, and no other', () => {
  expect(subscriptions.map(({ name }) => name).sort()).toEqual(Object.keys(subscriptionVerdicts).sort())
})

const roles = ['USER', 'AUDITOR', 'ADMIN'] as const
test.each(roles.flatMap((role) => subscriptions.map((operation) => ({ role, ...operation }))))(
  'F13 a socket of a $role: $name is answered as the table says, a refusal recorded once',
  async ({ role, name, text }) => {
    const user = await gatehouse.createUser({ role })
    const client = await gatehouse.signedInAs(user)
    const live = await connect(gatehouse.url, client.token)
    const refusals = async () => (await refusalsOf(name)).filter(({ user_id }) => user_id === user.id)
    const subscription = live.subscribeText(text)
    const isAnswered = () => subscription.isOver() || subscription.data().length > 0
    for (let turn = 0; turn < 20 && !isAnswered(); turn++) {
      await client.ask(IssueAccessTokenDocument, { audience: 'shop' })
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    const verdict = subscriptionVerdicts[name]?.[role]
    if (verdict === 'allowed') {
      await client.ask(LogoutDocument, {})
      await live.closed
      expect([subscription.codes(), subscription.data().length > 0]).toEqual([[], true])
      expect(await refusals()).toEqual([])
      return
    }
    expect([subscription.codes(), subscription.data()]).toEqual([[verdict], []])
    expect(await refusals()).toMatchObject([{ outcome: 'DENIED', details: { field: name, code: verdict } }])
    live.close()
  },
)

const strangers: Record<string, () => Promise<string | undefined>> = {
  nobody: async () => undefined,
  'a garbage token': async () => 'gts_garbage',
  'a token with a wrong checksum': async () => `gts_${'A'.repeat(67)}`,
  'the id of a LOGIN challenge as token': challengeOfLogin,
  'the id of a session as token': async () =>
    (await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))).sessionId,
}

test.each(Object.entries(strangers))('B2 F13 a socket of %s is closed and recorded once', async (_who, tokenOf) => {
  const before = (await refusalsOf('connection_init')).length
  const live = await openSocket(gatehouse.url)
  const token = await tokenOf()
  live.send({ type: 'connection_init', ...(token && { payload: { authorization: `Bearer ${token}` } }) })
  expect(await live.closed).toEqual({ code: 4401, reason: 'UNAUTHENTICATED' })
  expect(live.frames).toEqual([])
  await eventually(async () => (await refusalsOf('connection_init')).length > before)
  const recorded = (await refusalsOf('connection_init')).slice(before)
  expect(recorded).toMatchObject([{ user_id: null, details: { code: 'UNAUTHENTICATED' } }])
})

test('two refusals in one request are two events, under their fields and not their aliases', async () => {
  const counts = async () => [(await refusalsOf('listSessions')).length, (await refusalsOf('securityEvents')).length]
  const expected = String((await counts()).map((count) => count + 1))
  await gatehouse.anonymous.sendText('{ me: listSessions { id } a: securityEvents { __typename } }')
  await eventually(async () => String(await counts()) === expected) // the first refusal ends the answer, not the other
})

test('an ended session is refused with its reason wherever one is needed', async () => {
  for (const { name, text } of operations) {
    if (verdicts[name]?.unknown === 'allowed') continue
    const client = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))
    await client.sendText('mutation { logout { id } }')
    const { status, errors } = await client.sendText(text)
    expect([status, errors?.[0]?.extensions]).toEqual([401, { code: 'SESSION_ENDED', reason: 'SIGNED_OUT' }])
  }
})
