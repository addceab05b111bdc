import { afterAll, beforeAll, expect, test } from 'vitest'
import { EnrolMfaDocument, LoginDocument, MeDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse({ config: { sessionLimit: { mostSessions: 100, policy: 'DENY' } } })
})
afterAll(() => gatehouse.close())

test('a session that one field ends does nothing more in the same request', async () => {
  const victim = await gatehouse.signedInAs(await gatehouse.createUser())
  const admin = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))
  const { errors } = await admin.sendText(
    'mutation ($id: ID!) { logout { id } revokeSession(id: $id) { id } enrolMfa(input: { method: TOTP }) { __typename } }',
    { id: victim.sessionId },
  )
  expect(errors?.[0]).toMatchObject({
    path: ['revokeSession'],
    extensions: { code: 'SESSION_ENDED', reason: 'SIGNED_OUT' },
  })
  await victim.ask(MeDocument, {})
  expect(await gatehouse.sql`select id from mfa_configurations`).toHaveLength(0)
})

test('sign-ins and enrolments of one user at once make nobody wait, and no session that nobody got', async () => {
  const user = await gatehouse.createUser()
  const sessions = await Promise.all([gatehouse.signedInAs(user), gatehouse.signedInAs(user)])
  const other = await gatehouse.signedInAs(await gatehouse.createUser())
  const start = performance.now()
  const [logins] = await Promise.all([
    Promise.all(
      Array.from({ length: 12 }, () =>
        gatehouse.anonymous.send(LoginDocument, { input: { email: user.email, password: user.password } }),
      ),
    ),
    Promise.all(
      Array.from({ length: 12 }, (_none, index) =>
        sessions[index % 2]?.ask(EnrolMfaDocument, { input: { method: 'TOTP' } }),
      ),
    ),
    Promise.all(Array.from({ length: 12 }, () => other.sendText('{ me { mfa { enabled } } }'))),
  ])
  expect(performance.now() - start).toBeLessThan(1_500)
  expect(logins.filter(({ data }) => data)).toHaveLength(12)
  const [made] =
    await gatehouse.sql`select count(*)::int as count from security_events where type = 'SESSION_CREATED' and user_id = ${user.id}`
  expect(made?.count).toBe(12)
})
