import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ChangeEmailDocument,
  MyMfaDocument,
  RemoveMfaFactorDocument,
  ResetUserMfaDocument,
  RevokeOtherSessionsDocument,
  RevokeUserSessionsDocument,
  SetUserRoleDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { confirmEmail, freshlyProved, mailedResetToken, newestTokenTo, resetPassword } from '../support/recovery.ts'

// Whoever held a session for a moment may have had a link mailed to themselves: it must not outlive what evicts them (threats D4, E11).

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

type Eviction = (user: TestUser) => Promise<unknown>

const byAdmin = async () => freshlyProved(gatehouse, await gatehouse.createUser({ role: 'ADMIN' }))

const evictions: [string, Eviction][] = [
  ['revokeUserSessions', async ({ id }) => (await byAdmin()).ask(RevokeUserSessionsDocument, { id, reason: 'stolen' })],
  ['setUserRole', async ({ id }) => (await byAdmin()).ask(SetUserRoleDocument, { id, role: 'ADMIN' })],
  [
    'resetUserMfa',
    async (user) => {
      await gatehouse.giveTotp(user)
      await (await byAdmin()).ask(ResetUserMfaDocument, { id: user.id, reason: 'lost phone' })
    },
  ],
  [
    'removeMfaFactor',
    async (user) => {
      await gatehouse.giveTotp(user)
      const session = await freshlyProved(gatehouse, user, ['PASSWORD', 'TOTP'])
      const { me } = await session.ask(MyMfaDocument, {})
      await session.ask(RemoveMfaFactorDocument, { id: String(me.mfa.factors[0]?.id) })
    },
  ],
  ['revokeOtherSessions', async (user) => (await gatehouse.signedInAs(user)).ask(RevokeOtherSessionsDocument, {})],
]

test.each(evictions)('D4: %s voids the links that were mailed before it', async (_name, evict) => {
  const user = await gatehouse.createUser()
  const newEmail = `thief-${user.email}`
  await (await freshlyProved(gatehouse, user)).ask(ChangeEmailDocument, { newEmail })
  const planted = await newestTokenTo(gatehouse, newEmail)
  const reset = await mailedResetToken(gatehouse, user)
  await evict(user)
  for (const server of [gatehouse, other]) {
    const answers = [
      await confirmEmail(server.anonymous, planted),
      await resetPassword(server.anonymous, reset, 'another fine passphrase'),
    ]
    expect(answers.map(({ errors }) => errors?.[0]?.extensions.code)).toEqual(['TOKEN_INVALID', 'TOKEN_INVALID'])
  }
  const [row] = await gatehouse.sql`SELECT email FROM users WHERE id = ${user.id}`
  expect(row?.email).toBe(user.email)
})
