import { afterAll, beforeAll, expect, test } from 'vitest'
import { dumpOf } from '../support/attack.ts'
import {
  AuditEventsDocument,
  ConfirmEmailDocument,
  DeleteMyAccountDocument,
  LoginDocument,
  MeDocument,
  OwnEventsDocument,
  RegisterDocument,
  SessionEndedDocument,
  VerifyAuditLogDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { connect } from '../support/live-socket.ts'
import { startMailbox } from '../support/mailbox.ts'
import { freshlyProved } from '../support/recovery.ts'
import { rootOperations, writtenSchema } from '../support/schema-walk.ts'
import { rowsAbout } from '../support/traces.ts'
import { newTraces, password, userWithEverything } from '../support/user-with-everything.ts'

/** What is left, and why it tells nothing of whose it was. */
const left: Readonly<Record<string, string>> = {
  users: 'the id, so that nobody gets it again',
  user_sessions:
    'ids and times, without address and device, until SESSION_RETENTION_DAYS after their end: the tokens are told why they end',
  refreshed_tokens: 'hashes of random values, as long as their session',
  ended_tokens: 'hashes of random values, for minutes: Redis is told of them',
  security_events: 'types, times and ids',
  security_event_personal_data: 'of the erasure itself alone: who did it, where that was somebody else, and why',
  unsealed_security_events: 'ids, for moments',
  audit_links: 'ids and hashes',
  erasures: 'ids and times',
  repeated_refusals: 'what was refused, without address and device, for a minute',
}

const traces = newTraces()
let home: Gatehouse
let away: Gatehouse
let mailbox: Awaited<ReturnType<typeof startMailbox>>
beforeAll(async () => {
  mailbox = await startMailbox()
  const config = { ...mailbox.config, trustedProxies: ['127.0.0.1'] }
  home = await startGatehouse({ config })
  away = await startGatehouse({ databaseUrl: home.databaseUrl, config })
})
afterAll(async () => {
  await away.close()
  await home.close()
  await mailbox.close()
})

const formsOf = (text: string): string[] =>
  [text, text.toLowerCase()].flatMap((form) => [form, Buffer.from(form).toString('base64').replace(/=+$/, '')])

/** What of the person stands in a text, in any spelling. */
const tracesIn = (text: string): string[] =>
  Object.values(traces).filter((trace) =>
    formsOf(trace).some((form) => text.includes(form) || text.toLowerCase().includes(form)),
  )

test('H8: after an erasure nothing of the person is left, every door is closed, and the chain is whole', async () => {
  const victim = await userWithEverything(home, away, mailbox, traces)
  const { id, email, token, awayToken, tokens, deviceToken, from } = victim
  const sockets = await Promise.all([connect(home.url, token), connect(away.url, awayToken)])
  const endings = sockets.map((live) => live.subscribe(SessionEndedDocument, {}))
  for (const live of sockets) live.subscribe(OwnEventsDocument, {})
  const before = await rowsAbout(home, victim)
  expect(
    Object.entries(before).filter(
      ([name, rows]) => rows === 0 && !['erasures', 'unsealed_security_events'].includes(name),
    ),
  ).toEqual([])
  expect(tracesIn(await dumpOf(home.sql)).sort()).toEqual(Object.values(traces).sort())

  await home.createUser({ role: 'ADMIN' }) // who stays
  const { deleteMyAccount } = await from(home, token).ask(DeleteMyAccountDocument, {})
  expect(deleteMyAccount).toEqual({ id, erasedAt: expect.any(String) })

  expect((await Promise.all(sockets.map(({ closed }) => closed))).map(({ code }) => code)).toEqual([4401, 4401])
  for (const ending of endings) expect(ending.data()).toMatchObject([{ sessionEnded: { endReason: 'ACCOUNT_ERASED' } }])
  const current = [token, awayToken]
  for (const server of [home, away]) {
    for (const one of tokens) {
      const { extensions } = await server.clientWith(one).refused(MeDocument, {})
      if (current.includes(one)) expect(extensions).toEqual({ code: 'SESSION_ENDED', reason: 'ACCOUNT_ERASED' })
      else expect(['SESSION_ENDED', 'UNAUTHENTICATED']).toContain(extensions.code)
    }
    const login = await server.anonymous.refused(LoginDocument, { input: { email, password, deviceToken } })
    expect(login.extensions).toEqual({ code: 'INVALID_CREDENTIALS' })
  }

  await eventually(() => mailbox.mailsTo(email).some((mail) => mail.includes('Subject: Your account was erased')))
  await eventually(async () => (await home.sql`SELECT 1 FROM outgoing_messages WHERE leaves_no_trace`).length === 0)
  await eventually(async () => tracesIn(await dumpOf(home.sql)).length === 0) // with the answer, or soon on an overloaded machine
  const after = await rowsAbout(home, victim)
  expect(Object.keys(after).filter((name) => after[name] && !left[name])).toEqual([])
  expect(after.security_event_personal_data).toBe(1)

  const auditor = await home.signedInAs(await home.createUser({ role: 'AUDITOR' }))
  const { auditEvents } = await auditor.ask(AuditEventsDocument, { first: 100, filter: { userId: id } })
  const events = auditEvents.edges.map(({ node }) => node)
  expect(events.length).toBeGreaterThan(20)
  for (const event of events) expect([event.ipAddress, event.device, event.details]).toEqual([null, null, {}])
  expect(events.filter(({ type }) => type === 'ACCOUNT_ERASED')).toHaveLength(1)
  expect((await auditor.ask(VerifyAuditLogDocument, {})).verifyAuditLog).toMatchObject({ intact: true, problem: null })
})

test('H8: the address is free at once, and whoever registers it gets another id', async () => {
  const [former] = await home.sql`SELECT user_id FROM erasures`
  const mails = mailbox.mailsTo(traces.email).length
  await home.anonymous.ask(RegisterDocument, { input: { email: traces.email, password } })
  await eventually(() => mailbox.mailsTo(traces.email).length > mails)
  const token = await mailbox.tokenTo(traces.email)
  const { confirmEmail } = await away.anonymous.ask(ConfirmEmailDocument, { input: { token } })
  const { me } = await home.clientWith(confirmEmail.sessionToken).ask(MeDocument, {})
  expect(me.id).not.toBe(former?.user_id)
  expect(me.email).toBe(traces.email)
})

test('H8: no administrator acts on an erased user, by any operation that takes an id', async () => {
  const [former] = await home.sql`SELECT user_id FROM erasures`
  const admin = await freshlyProved(home, await home.createUser({ role: 'ADMIN' }))
  const operations = rootOperations(writtenSchema, 1).filter(({ text }) => /^mutation \{ \w+User\w*\(id:/.test(text))
  expect(operations.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['eraseUser', 'suspendUser', 'reinstateUser']),
  )
  for (const { name, text } of operations) {
    const { errors } = await admin.sendText(text.replace(/"00000000-[^"]+"/, `"${former?.user_id}"`))
    expect([name, errors?.[0]?.extensions.code]).toEqual([name, 'CONFLICT'])
  }
})
