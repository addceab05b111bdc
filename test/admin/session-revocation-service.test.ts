import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../support/client.ts'
import {
  LoginDocument,
  MeDocument,
  RevokeUserSessionsDocument,
  SecurityEventsDocument,
  SuspendUserDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { freshlyProved, subjectsTo } from '../support/recovery.ts'
import { answerChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

const reason = 'laptop lost; see ticket 4712'

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

const revoke = async (client: Client, { id }: Pick<TestUser, 'id'>) =>
  (await client.ask(RevokeUserSessionsDocument, { id, reason })).revokeUserSessions

const revocationsOf = async (user: TestUser) =>
  (await historyOf(gatehouse, user)).filter(({ type }) => type === 'SESSION_REVOKED')

const expectEnded = async (token: string) => {
  for (const server of [gatehouse, other]) {
    expect((await server.clientWith(token).refused(MeDocument, {})).extensions).toEqual({
      code: 'SESSION_ENDED',
      reason: 'REVOKED_BY_ADMIN',
    })
  }
}

test('H10: an administrator ends every session of a user, on every server, with one event each', async () => {
  const user = await gatehouse.createUser()
  const sessions = await Promise.all([1, 2, 3].map(() => gatehouse.signedInAs(user)))
  const bystander = await gatehouse.signedInAs(await gatehouse.createUser())
  for (const { token } of sessions) await other.clientWith(token).ask(MeDocument, {})
  const { account: admin, client } = await createAdmin()
  const ended = await revoke(client, user)
  const ids = sessions.map(({ sessionId }) => sessionId).sort()
  expect(ended.map(({ id }) => id).sort()).toEqual(ids)
  for (const session of ended) {
    expect(session).toMatchObject({ endReason: 'REVOKED_BY_ADMIN', endedAt: expect.any(String), current: false })
  }
  for (const { token } of sessions) await expectEnded(token)
  for (const session of [bystander, client]) await session.ask(MeDocument, {})

  const history = await revocationsOf(user)
  expect(history.map(({ sessionId }) => sessionId).sort()).toEqual(ids)
  for (const event of history) {
    expect(event).toMatchObject({ actor: { id: admin.id }, details: { reason: 'REVOKED_BY_ADMIN', note: reason } })
  }
  expect(await revoke(client, user)).toEqual([])
  expect(await subjectsTo(gatehouse, user.email, 1)).toEqual(['An administrator ended your sessions'])
})

test('the user reads in their history that an administrator ended the session, and not what that wrote', async () => {
  const user = await gatehouse.createUser()
  await gatehouse.signedInAs(user)
  await revoke((await createAdmin()).client, user)
  await subjectsTo(gatehouse, user.email, 1)
  const own = await (await gatehouse.signedInAs(user)).send(SecurityEventsDocument, { first: 10 })
  expect(own.data?.securityEvents.edges.map(({ node }) => node.details)).toEqual([{ reason: 'REVOKED_BY_ADMIN' }])
  const [mail] = await gatehouse.mailTo(user.email)
  for (const text of [own.text, mail?.text]) expect(text).not.toContain('4712')
})

test('D4: with them go the trust of every device and a sign-in that waits for its code', async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const { anonymous } = gatehouse
  const { verifyMfa } = await anonymous.ask(VerifyMfaDocument, {
    input: {
      challengeId: await loginChallenge(anonymous, user),
      code: totpCode(seed, gatehouse.now()),
      trustDevice: true,
    },
  })
  if (verifyMfa.__typename !== 'SignedIn') throw new Error('Not signed in')
  const { deviceToken } = verifyMfa
  const begun = await loginChallenge(anonymous, user)
  const { account: admin, client } = await createAdmin()
  await revoke(client, user)

  for (const server of [gatehouse, other]) server.advanceClock(30)
  const { errors } = await answerChallenge(anonymous, begun, totpCode(seed, gatehouse.now()))
  expect(errors?.[0]?.extensions).toEqual({ code: 'CHALLENGE_EXPIRED' })
  const { email, password } = user
  const { login } = await anonymous.ask(LoginDocument, { input: { email, password, deviceToken } })
  expect(login.__typename).toBe('MfaRequired')
  const lost = (await historyOf(gatehouse, user)).filter(({ type }) => type === 'DEVICE_TRUST_REVOKED')
  expect(lost).toMatchObject([{ actor: { id: admin.id }, details: { reason: 'sessions revoked', devices: 1 } }])
})

test('a sign-in that waits for its code ends with nothing else, and the act is on record with its reason', async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const begun = await loginChallenge(gatehouse.anonymous, user)
  const { account: admin, client } = await createAdmin()
  expect(await revoke(client, user)).toEqual([])
  const { errors } = await answerChallenge(gatehouse.anonymous, begun, totpCode(seed, gatehouse.now()))
  expect(errors?.[0]?.extensions).toEqual({ code: 'CHALLENGE_EXPIRED' })
  const details = { reason: 'REVOKED_BY_ADMIN', note: reason, sessions: 0 }
  expect(await revocationsOf(user)).toMatchObject([{ sessionId: null, actor: { id: admin.id }, details }])
  const own = await (await gatehouse.signedInAs(user)).send(SecurityEventsDocument, { first: 10 })
  expect(own.text).toContain('SESSION_REVOKED')
  expect(own.text).not.toContain('4712')
})

test('an administrator ends all of their own sessions but the one that asks', async () => {
  const { account, client } = await createAdmin()
  const { token, sessionId } = await gatehouse.signedInAs(account)
  expect((await revoke(client, account)).map(({ id }) => id)).toEqual([sessionId])
  await expectEnded(token)
  await client.ask(MeDocument, {})
})

test('NOT_FOUND answers for nobody', async () => {
  const { client } = await createAdmin()
  for (const id of [randomUUID(), 'no id at all']) {
    expect((await client.refused(RevokeUserSessionsDocument, { id, reason })).extensions.code).toBe('NOT_FOUND')
  }
})

test('a suspended user has no sessions left to end, and the act is on record all the same', async () => {
  const user = await gatehouse.createUser()
  const { sessionId } = await gatehouse.signedInAs(user)
  const { client } = await createAdmin()
  await client.ask(SuspendUserDocument, { id: user.id, reason })
  expect(await revoke(client, user)).toEqual([])
  expect(await revocationsOf(user)).toMatchObject([
    { sessionId, details: { reason: 'ACCOUNT_SUSPENDED' } },
    { sessionId: null, details: { reason: 'REVOKED_BY_ADMIN', note: reason, sessions: 0 } },
  ])
})

test('a reason is asked for, and is one line of text', async () => {
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  const { client } = await createAdmin()
  for (const bad of [' ', 'x'.repeat(501), 'two\nlines']) {
    const { extensions } = await client.refused(RevokeUserSessionsDocument, { id: user.id, reason: bad })
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'reason' }] })
  }
  await session.ask(MeDocument, {})
})

test('nobody but an administrator with a fresh proof ends them', async () => {
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  const refusals: [Client, string][] = [
    [gatehouse.anonymous, 'UNAUTHENTICATED'],
    [await freshlyProved(gatehouse, user), 'FORBIDDEN'],
    [await freshlyProved(gatehouse, await gatehouse.createUser({ role: 'AUDITOR' })), 'FORBIDDEN'],
    [await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' })), 'STEP_UP_REQUIRED'],
  ]
  for (const [client, code] of refusals) {
    expect((await client.refused(RevokeUserSessionsDocument, { id: user.id, reason })).extensions.code).toBe(code)
  }
  await session.ask(MeDocument, {})
  expect(countTypes(await historyOf(gatehouse, user))).not.toHaveProperty('SESSION_REVOKED')
})

test('of two administrators who end the sessions of each other at once on two servers, one is left', async () => {
  for (let round = 0; round < 3; round++) {
    const [one, two] = [await createAdmin(), await createAdmin()]
    await Promise.all([
      one.client.send(RevokeUserSessionsDocument, { id: two.account.id, reason }),
      other.clientWith(two.client.token).send(RevokeUserSessionsDocument, { id: one.account.id, reason }),
    ])
    const live = await gatehouse.sql`
      SELECT id FROM user_sessions WHERE user_id IN ${gatehouse.sql([one.account.id, two.account.id])} AND ended_at IS NULL`
    expect(live).toHaveLength(1)
  }
}, 30_000)
