import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  LoginDocument,
  MeDocument,
  RevokeOtherSessionsDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { historyOf } from '../support/history.ts'
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

test('of two sessions that end each other at once on two servers, one is left', async () => {
  for (let round = 0; round < 10; round++) {
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
