import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  LoginDocument,
  MeDocument,
  ResolveSessionLimitDocument,
  RevokeOtherSessionsDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { historyOf } from '../support/history.ts'
import { roundsOf } from '../support/rounds.ts'
import { loginChallenge } from '../support/second-factor.ts'
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

test('a user ends every session but the one that asks, on every server, and each end is recorded once', async () => {
  const user = await gatehouse.createUser()
  const [kept, ...lost] = await Promise.all([1, 2, 3, 4].map(() => gatehouse.signedInAs(user)))
  const stranger = await gatehouse.signedInAs(await gatehouse.createUser())
  for (const { token } of lost) await other.clientWith(token).ask(MeDocument, {})
  const { revokeOtherSessions } = (await kept?.ask(RevokeOtherSessionsDocument, {})) ?? { revokeOtherSessions: [] }
  const ids = lost.map(({ sessionId }) => sessionId).sort()
  expect(revokeOtherSessions.map(({ id }) => id).sort()).toEqual(ids)
  expect(new Set(revokeOtherSessions.map(({ endReason }) => endReason))).toEqual(new Set(['REVOKED_BY_USER']))
  for (const { token } of lost) {
    expect((await other.clientWith(token).refused(MeDocument, {})).extensions).toEqual({
      code: 'SESSION_ENDED',
      reason: 'REVOKED_BY_USER',
    })
  }
  for (const client of [kept, stranger]) await client?.ask(MeDocument, {})
  const events = await historyOf(gatehouse, user)
  expect(
    events
      .filter(({ type }) => type === 'SESSION_REVOKED')
      .map(({ sessionId }) => sessionId)
      .sort(),
  ).toEqual(ids)
  expect((await kept?.ask(RevokeOtherSessionsDocument, {}))?.revokeOtherSessions).toEqual([])
})

test('B13: with the other sessions goes the trust of every device', async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const { verifyMfa } = await gatehouse.anonymous.ask(VerifyMfaDocument, {
    input: {
      challengeId: await loginChallenge(gatehouse.anonymous, user),
      code: totpCode(seed, gatehouse.now()),
      trustDevice: true,
    },
  })
  if (verifyMfa.__typename !== 'SignedIn') throw new Error('Not signed in')
  await gatehouse.clientWith(verifyMfa.sessionToken ?? '').ask(RevokeOtherSessionsDocument, {})
  const { email, password } = user
  const { deviceToken } = verifyMfa
  const { login } = await gatehouse.anonymous.ask(LoginDocument, { input: { email, password, deviceToken } })
  expect(login.__typename).toBe('MfaRequired')
})

test('D4: with the other sessions goes the ticket of a sign-in that is half done', async () => {
  const sessionLimit = { mostSessions: 1, policy: 'ASK' } as const
  const asking = await startGatehouse({ databaseUrl: gatehouse.databaseUrl, config: { sessionLimit } })
  const user = await gatehouse.createUser()
  const { email, password } = user
  const owner = await gatehouse.signedInAs(user)
  const { login } = await asking.anonymous.ask(LoginDocument, { input: { email, password } })
  if (login.__typename !== 'SessionLimitReached') throw new Error('There was room')
  await owner.ask(RevokeOtherSessionsDocument, {})
  const input = { ticket: login.ticket, endSessionIds: [owner.sessionId] }
  const { extensions } = await asking.anonymous.refused(ResolveSessionLimitDocument, { input })
  expect(extensions.code).toBe('CHALLENGE_EXPIRED')
  await owner.ask(MeDocument, {})
  await asking.close()
})

test('a session that had idled out ends for that, and is not among those that were ended', async () => {
  const user = await gatehouse.createUser()
  const idle = await gatehouse.signedInAs(user)
  await gatehouse.sql`UPDATE user_sessions SET idle_expires_at = created_at WHERE id = ${idle.sessionId}`
  const kept = await gatehouse.signedInAs(user)
  const lost = await gatehouse.signedInAs(user)
  const { revokeOtherSessions } = await kept.ask(RevokeOtherSessionsDocument, {})
  expect(revokeOtherSessions.map(({ id }) => id)).toEqual([lost.sessionId])
  const ends = (await historyOf(gatehouse, user)).map(({ type, sessionId, details }) => ({
    type,
    sessionId,
    ...details,
  }))
  expect(ends).toEqual(
    expect.arrayContaining([
      { type: 'SESSION_EXPIRED', sessionId: idle.sessionId, reason: 'IDLE' },
      { type: 'SESSION_REVOKED', sessionId: lost.sessionId, reason: 'REVOKED_BY_USER' },
    ]),
  )
  expect((await idle.refused(MeDocument, {})).extensions).toEqual({ code: 'SESSION_ENDED', reason: 'IDLE' })
})

test('of two sessions that end each other at once on two servers, one is left', async () => {
  for (let round = 0; round < roundsOf(3); round++) {
    const user = await gatehouse.createUser()
    const [one, two] = [await gatehouse.signedInAs(user), await gatehouse.signedInAs(user)]
    await Promise.all([
      one.send(RevokeOtherSessionsDocument, {}),
      other.clientWith(two.token).send(RevokeOtherSessionsDocument, {}),
    ])
    const live = await gatehouse.sql`SELECT id FROM user_sessions WHERE user_id = ${user.id} AND ended_at IS NULL`
    expect(live).toHaveLength(1)
  }
})
