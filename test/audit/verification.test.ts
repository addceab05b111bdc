import { afterAll, beforeAll, expect, test } from 'vitest'
import { allSealed } from '../support/chain.ts'
import { AuditEventsDocument, LoginDocument, VerifyAuditLogDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'

let gatehouse: Gatehouse
let auditor: TestUser
beforeAll(async () => {
  gatehouse = await startGatehouse()
  auditor = await gatehouse.createUser({ role: 'AUDITOR' })
  for (let turn = 0; turn < 5; turn++) await failedLogin()
  await allSealed(gatehouse)
})
afterAll(() => gatehouse.close())

const failedLogin = () =>
  gatehouse.anonymous.send(LoginDocument, { input: { email: 'nobody@example.com', password: 'wrong wrong wrong' } })

const verified = async (time: { from?: string; to?: string } = {}, server = gatehouse) => {
  const client = server.clientWith((await gatehouse.signedInAs(auditor)).token)
  return (await client.ask(VerifyAuditLogDocument, time)).verifyAuditLog
}

/** Past the triggers, as a superuser who covers his tracks would; and back again. */
const tampered = async <T>(doing: string, undoing: string, meanwhile: () => Promise<T>): Promise<T> => {
  const run = (statement: string) =>
    gatehouse.sql.begin(async (tx) => {
      await tx`SET LOCAL session_replication_role = replica`
      await tx.unsafe(statement)
    })
  await run(doing)
  try {
    return await meanwhile()
  } finally {
    await run(undoing)
  }
}

const firstEvent = async (): Promise<string> =>
  (await gatehouse.sql`SELECT event_id FROM audit_links WHERE sequence = 1`)[0]?.event_id

test('an intact log is said to be so, with the newest sealed link, and the check is in the log itself', async () => {
  await allSealed(gatehouse)
  const [head] = await gatehouse.sql`SELECT sequence::int, encode(hash, 'hex') AS hash, sealed_at FROM audit_head`
  expect(await verified()).toEqual({
    intact: true,
    checkedEvents: head?.sequence,
    sealedThrough: new Date(head?.sealed_at).toISOString(),
    headHash: head?.hash,
    brokenAt: null,
    problem: null,
  })
  const client = await gatehouse.signedInAs(auditor)
  const { auditEvents } = await client.ask(AuditEventsDocument, { first: 1 })
  expect(auditEvents.edges[0]?.node).toMatchObject({
    type: 'AUDIT_VERIFIED',
    severity: 'INFO',
    outcome: 'SUCCESS',
    user: { id: auditor.id },
    actor: { id: auditor.id },
    details: { intact: true, checkedEvents: head?.sequence },
  })
})

test('H7: an altered event is named, with what is wrong, and the check is a CRITICAL event', async () => {
  const id = await firstEvent()
  const change = (to: string) => `UPDATE security_events SET outcome = '${to}' WHERE id = '${id}'`
  const result = await tampered(change('SUCCESS'), change('FAILURE'), verified)
  const problem = 'An event is not as it was sealed. It shows at link 1.'
  expect(result).toMatchObject({ intact: false, brokenAt: id, problem })
  const client = await gatehouse.signedInAs(auditor)
  const { auditEvents } = await client.ask(AuditEventsDocument, { first: 1, filter: { types: ['AUDIT_VERIFIED'] } })
  expect(auditEvents.edges[0]?.node).toMatchObject({
    severity: 'CRITICAL',
    outcome: 'FAILURE',
    details: { intact: false, brokenAt: id, problem },
  })
  expect((await verified()).intact).toBe(true)
})

test('H7: a log that was set back as a whole is told by a server that saw it later, and by no other', async () => {
  const first = await startGatehouse()
  try {
    const user = await first.createUser({ role: 'AUDITOR' })
    const verifiedBy = async (server: Gatehouse) => {
      const client = server.clientWith((await first.signedInAs(user)).token)
      return (await client.ask(VerifyAuditLogDocument, {})).verifyAuditLog
    }
    await verifiedBy(first)
    await allSealed(first)
    const [copy] = await first.sql`SELECT sequence, hash, sealed_at, key_id, signature FROM audit_head`
    await verifiedBy(first)
    await allSealed(first)
    expect((await verifiedBy(first)).checkedEvents).toBe(2)
    await allSealed(first)
    await first.sql.begin(async (tx) => {
      await tx`SET LOCAL session_replication_role = replica`
      await tx`DELETE FROM security_events WHERE id IN (SELECT event_id FROM audit_links WHERE sequence > 1)`
      await tx`DELETE FROM audit_links WHERE sequence > 1`
      await tx`UPDATE audit_head SET ${tx(copy as never)}`
    })
    expect(await verifiedBy(first)).toMatchObject({
      intact: false,
      problem: expect.stringContaining('ends before a head that was seen earlier'),
    })
    const restarted = await startGatehouse({ databaseUrl: first.databaseUrl })
    expect((await verifiedBy(restarted)).intact).toBe(true)
    await restarted.close()
  } finally {
    await first.close()
  }
})

test('from and to narrow what is checked to the checkpoints around them, and a break outside is not seen', async () => {
  const { intact, checkedEvents } = await verified()
  expect(intact).toBe(true)
  const before = gatehouse.now().toISOString()
  gatehouse.advanceClock(600)
  await failedLogin()
  await allSealed(gatehouse) // ten minutes later: a checkpoint
  gatehouse.advanceClock(600)
  const from = gatehouse.now().toISOString()
  const id = await firstEvent()
  const change = (to: string) => `UPDATE security_events SET outcome = '${to}' WHERE id = '${id}'`
  await tampered(change('SUCCESS'), change('FAILURE'), async () => {
    const later = await verified({ from })
    expect(later.intact).toBe(true)
    expect(later.checkedEvents).toBeLessThan(5)
    expect(await verified({ to: before })).toMatchObject({ intact: false, brokenAt: id })
    expect((await verified({ from: before })).intact).toBe(true)
  })
  const all = await verified({ from: '1970-01-01T00:00:00Z', to: '9000-01-01T00:00:00Z' })
  expect(all).toMatchObject({ intact: true })
  expect(all.checkedEvents).toBeGreaterThan(checkedEvents)
})

test('times that make no sense are refused by name', async () => {
  const client = await gatehouse.signedInAs(auditor)
  for (const [time, path] of [
    [{ from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' }, 'to'],
    [{ from: '9999-12-31T23:59:59-23:59' }, 'from'],
  ] as const) {
    const { extensions } = await client.refused(VerifyAuditLogDocument, time)
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path }] })
  }
})

test('while events are recorded and sealed the log is intact all the time', async () => {
  let isDone = false
  const recording = (async () => {
    while (!isDone) await Promise.all([failedLogin(), failedLogin(), failedLogin()])
  })()
  const results: Awaited<ReturnType<typeof verified>>[] = []
  for (let turn = 0; turn < 20; turn++) results.push(await verified())
  isDone = true
  await recording
  expect(results.filter(({ intact }) => !intact)).toEqual([])
  await eventually(async () => (await verified()).checkedEvents > (results[0]?.checkedEvents ?? 0))
})

test('a log in which nothing was ever recorded is intact', async () => {
  const empty = await startGatehouse()
  try {
    const user = await empty.createUser({ role: 'AUDITOR' })
    const { verifyAuditLog } = await (await empty.signedInAs(user)).ask(VerifyAuditLogDocument, {})
    expect(verifyAuditLog).toEqual({
      intact: true,
      checkedEvents: 0,
      sealedThrough: null,
      headHash: null,
      brokenAt: null,
      problem: null,
    })
  } finally {
    await empty.close()
  }
})
