import { afterAll, beforeAll, expect, test } from 'vitest'
import { RequestPasswordResetDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { eventsWhere } from '../support/history.ts'
import { freshlyProved, loginOutcome, newestTokenTo, resetPassword } from '../support/recovery.ts'
import { rootOperations, writtenSchema } from '../support/schema-walk.ts'

const nobody = /00000000-0000-4000-8000-000000000000/g
const chosen = 'another perfectly fine passphrase' // what every argument `newPassword` gets
const mutations = rootOperations(writtenSchema, 2).filter(({ text }) => text.startsWith('mutation'))
const actsOnUsers = mutations.filter(({ text }) => text.search(nobody) > 0)

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

test('H10: no operation sets a password of somebody else, whatever id an administrator gives it', async () => {
  expect(actsOnUsers.length).toBeGreaterThan(10)
  const admin = await freshlyProved(gatehouse, await gatehouse.createUser({ role: 'ADMIN' }))
  const { sql } = gatehouse
  for (const { name, text } of actsOnUsers) {
    const user = await gatehouse.createUser()
    await gatehouse.signedInAs(user)
    const [before] = await sql`SELECT password_hash, password_version FROM users WHERE id = ${user.id}`
    await admin.sendText(text.replaceAll(nobody, user.id))
    const [after] = await sql`SELECT password_hash, password_version FROM users WHERE id = ${user.id}`
    if (after?.password_hash !== null) expect([name, after]).toEqual([name, before]) // null where they are erased
    expect([name, await loginOutcome(gatehouse.anonymous, user.email, chosen)]).not.toContain('SignedIn')
  }
})

test('H10: an administrator starts a reset like anybody, and only the mailbox can finish it', async () => {
  const user = await gatehouse.createUser()
  const admin = await freshlyProved(gatehouse, await gatehouse.createUser({ role: 'ADMIN' }))
  const answer = await admin.send(RequestPasswordResetDocument, { email: user.email })
  const token = await newestTokenTo(gatehouse, user.email)
  expect(answer.text).not.toContain(token)
  expect(await loginOutcome(gatehouse.anonymous, user.email, user.password)).toBe('SignedIn')
  await resetPassword(gatehouse.anonymous, token, 'chosen by the owner alone')
  expect(await loginOutcome(gatehouse.anonymous, user.email, 'chosen by the owner alone')).toBe('SignedIn')
})

test('H10: every act of an administrator on a user is recorded under their name', async () => {
  const account = await gatehouse.createUser({ role: 'ADMIN' })
  const admin = await freshlyProved(gatehouse, account)
  const acts: Record<string, string> = {
    suspendUser: 'ACCOUNT_SUSPENDED',
    reinstateUser: 'ACCOUNT_REINSTATED',
    unlockUser: 'ACCOUNT_UNLOCKED',
    setUserRole: 'ROLE_CHANGED',
    resetUserMfa: 'MFA_RESET',
    revokeUserSessions: 'SESSION_REVOKED',
  }
  for (const [field, type] of Object.entries(acts)) {
    const user = await gatehouse.createUser({ role: field === 'setUserRole' ? 'AUDITOR' : 'USER' })
    await gatehouse.giveTotp(user)
    await gatehouse.signedInAs(user)
    if (field === 'reinstateUser') await gatehouse.sql`UPDATE users SET status = 'SUSPENDED' WHERE id = ${user.id}`
    const { text = '' } = mutations.find(({ name }) => name === field) ?? {}
    const { errors } = await admin.sendText(text.replaceAll(nobody, user.id))
    expect([field, errors]).toEqual([field, undefined])
    const [recorded] = await eventsWhere(gatehouse, { userId: user.id, types: [type as 'MFA_RESET'] })
    expect([field, recorded?.actor?.id, recorded?.outcome]).toEqual([field, account.id, 'SUCCESS'])
  }
})
