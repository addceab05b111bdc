import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { countStatements } from '../support/call-counts.ts'
import type { Client } from '../support/client.ts'
import { LoginDocument, LogoutDocument, SecurityOverviewDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { recordEvents } from '../support/overview.ts'
import { tally } from '../support/race.ts'

let gatehouse: Gatehouse
let auditor: Client
beforeAll(async () => {
  gatehouse = await startGatehouse()
  auditor = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'AUDITOR' }))
})
afterAll(() => gatehouse.close())

const overview = async () => (await auditor.ask(SecurityOverviewDocument, {})).securityOverview

test('many that are asked for at once are read in turn, and who would wait for long is told so', async () => {
  const answers = await Promise.all(Array.from({ length: 60 }, () => auditor.send(SecurityOverviewDocument, {})))
  expect(Object.keys(tally(answers)).sort()).toEqual(['OK', 'RATE_LIMITED'])
  expect((await overview()).users).toBeGreaterThan(0)
})

test('who waited for a second behind a slow overview is told to come again, and nothing is read for them', async () => {
  const isLocked = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const lock = gatehouse.sql.begin(async (tx) => {
    await tx`LOCK TABLE security_event_counts`
    isLocked.resolve()
    await release.promise
  })
  await isLocked.promise
  const [slow, behind] = [auditor.send(SecurityOverviewDocument, {}), auditor.send(SecurityOverviewDocument, {})]
  const [first] = await gatehouse.sql`SELECT now() AS at`
  await eventually(async () => {
    const [waited] =
      await gatehouse.sql`SELECT clock_timestamp() > ${first?.at}::timestamptz + interval '1.2 s' AS enough`
    return waited?.enough
  })
  release.resolve()
  await lock
  expect(tally(await Promise.all([slow, behind]))).toEqual({ OK: 1, RATE_LIMITED: 1 })
})

test('users are those who are ACTIVE or SUSPENDED, and some of them have a second factor', async () => {
  const before = await overview()
  const statuses = ['ACTIVE', 'ACTIVE', 'SUSPENDED', 'PENDING', 'ERASED']
  for (const status of statuses) {
    const user = await gatehouse.createUser()
    await gatehouse.giveTotp(user)
    await gatehouse.sql`UPDATE users SET status = ${status} WHERE id = ${user.id}`
  }
  await gatehouse.createUser()
  const after = await overview()
  expect([after.users - before.users, after.usersWithMfa - before.usersWithMfa]).toEqual([4, 3])
  expect(after.mfaAdoptionRate).toBe(after.usersWithMfa / after.users)
})

test('a session is active until it is ended, idle or past its absolute end, whoever has noticed', async () => {
  const user = await gatehouse.createUser()
  const before = (await overview()).activeSessions
  const [ended, idle, overdue] = await Promise.all(Array.from({ length: 4 }, () => gatehouse.signedInAs(user)))
  expect((await overview()).activeSessions).toBe(before + 4)
  await ended?.ask(LogoutDocument, {})
  expect((await overview()).activeSessions).toBe(before + 3)
  await gatehouse.sql`UPDATE user_sessions SET idle_expires_at = now() WHERE id = ${idle?.sessionId as string}`
  expect((await overview()).activeSessions).toBe(before + 2)
  await gatehouse.sql`UPDATE user_sessions SET expires_at = now() WHERE id = ${overdue?.sessionId as string}`
  expect((await overview()).activeSessions).toBe(before + 1)
})

test('an account that failed passwords have locked is counted once, until the lock is over; no unknown address is', async () => {
  const user = await gatehouse.createUser()
  const before = (await overview()).lockedAccounts
  for (const email of [user.email, `${randomUUID()}@example.com`]) {
    const input = { email, password: 'not the password of anybody' }
    for (let tries = 0; tries < 10; tries++) await gatehouse.anonymous.refused(LoginDocument, { input })
    expect((await gatehouse.anonymous.refused(LoginDocument, { input })).extensions.code).toBe('ACCOUNT_LOCKED')
  }
  await gatehouse.sql`
    INSERT INTO attempt_budgets (subject, user_id, used, window_ends_at, locked_at)
    VALUES (${`mfa:${user.id}`}, ${user.id}, 10, now() + interval '5 minutes', now())`
  expect((await overview()).lockedAccounts).toBe(before + 1)
  await gatehouse.sql`UPDATE attempt_budgets SET window_ends_at = now()`
  expect((await overview()).lockedAccounts).toBe(before)
})

test('however much there is to count, a request costs one statement for it and one for how things stand', async () => {
  const types = ['LOGIN_FAILED', 'LOGGED_OUT', 'MFA_FAILED'] as const
  await recordEvents(
    gatehouse.sql,
    types.map((type, index) => ({ type, at: new Date(Date.now() - index * 60_000) })),
  )
  for (const table of ['security_event_counts', 'attempt_budgets'])
    expect([table, await countStatements(gatehouse, table, overview)]).toEqual([table, 1])
})
