import { afterAll, beforeAll, expect, test } from 'vitest'
import { secondsAfter } from '../../src/lib/clock.ts'
import { mostRows } from '../../src/privacy/data-export-service.ts'
import { occursIn } from '../support/attack.ts'
import type { Client } from '../support/client.ts'
import { ChangeEmailDocument, ExportMyDataDocument, SecurityEventsDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { startMailbox } from '../support/mailbox.ts'
import { freshlyProved } from '../support/recovery.ts'
import { rowsAbout } from '../support/traces.ts'
import { newTraces, userWithEverything } from '../support/user-with-everything.ts'

/** The section of an export that has the rows of a table. */
const exportedAs: Readonly<Record<string, string>> = {
  users: 'account',
  user_sessions: 'sessions',
  session_contexts: 'contextsOfSessions',
  session_tickets: 'signInsThatWaitForASession',
  mfa_configurations: 'factors',
  backup_codes: 'backupCodes',
  mfa_challenges: 'challenges',
  trusted_devices: 'trustedDevices',
  known_devices: 'knownDevices',
  known_places: 'knownPlaces',
  consents: 'consents',
  email_confirmations: 'registrations',
  password_resets: 'passwordResets',
  email_changes: 'changesOfAddress',
  attempt_budgets: 'failedTries',
  outgoing_messages: 'messages',
  repeated_refusals: 'repeatedRefusals',
  security_events: 'securityEvents',
  security_event_personal_data: 'securityEvents',
}

const notExported: Readonly<Record<string, string>> = {
  refreshed_tokens: 'hashes of random values',
  ended_tokens: 'hashes of random values',
  unsealed_security_events: 'ids of events that are in the export',
  audit_links: 'hashes of events that are in the export',
  erasures: 'whoever has a row there has no session',
}

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

/** Those sections that are looked into. */
interface Data extends Record<string, unknown> {
  readonly factors: readonly { readonly phoneNumber: string | null }[]
  readonly securityEvents: { readonly newest: readonly object[]; readonly olderAfter: string | null }
}

const exported = async (client: Client): Promise<Data> =>
  (await client.ask(ExportMyDataDocument, {})).exportMyData.data as Data

/** What stands in columns that open something, or are made of what does. */
const storedSecrets = async (): Promise<string[]> => {
  const columns = await home.sql<{ table: string; name: string }[]>`
    SELECT table_name AS table, column_name AS name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name ~ '(hash|sealed|salt|digest|tag)' AND column_name !~ 'sealed_at|stage'`
  const rows = await Promise.all(
    columns.map(({ table, name }) =>
      home.sql.unsafe(`SELECT "${name}"::text AS value FROM "${table}" WHERE length("${name}"::text) > 8`),
    ),
  )
  return rows.flat().map(({ value }) => value)
}

test('the owner gets whatever any table holds about them, and no secret', async () => {
  const traces = newTraces()
  const victim = await userWithEverything(home, away, mailbox, traces)
  const rows = await rowsAbout(home, victim)
  const data = await exported(victim.from(home, victim.token))
  for (const [table, found] of Object.entries(rows)) {
    if (notExported[table]) continue
    const section = exportedAs[table]
    expect([table, section]).toEqual([table, expect.any(String)])
    if (found > 0) expect([table, JSON.stringify(data[section as string]).length > 2]).toEqual([table, true])
  }
  const { securityEvents, sessions, factors, consents, actsOnOthers, incomplete } = data
  expect(sessions).toHaveLength(rows.user_sessions as number)
  expect(consents).toHaveLength(2)
  expect(incomplete).toEqual([])
  expect(factors.map(({ phoneNumber }) => phoneNumber)).toContain(traces.phone)
  expect(securityEvents.newest.at(-1)).toMatchObject({ ipAddress: traces.address, userAgent: traces.userAgent })
  expect(actsOnOthers).toMatchObject([{ type: 'ACCOUNT_UNLOCKED', ipAddress: traces.address }])

  const text = JSON.stringify(data)
  for (const trace of Object.values(traces)) expect(text).toContain(trace)
  expect(text).not.toContain(victim.bystander.id)
  const secrets = [...(await storedSecrets()), ...victim.tokens, ...victim.codes, victim.deviceToken ?? '']
  expect(secrets.length).toBeGreaterThan(50)
  expect(secrets.filter((secret) => occursIn(text, secret))).toEqual([])
  expect(countTypes(await historyOf(home, victim))).toMatchObject({ DATA_EXPORTED: 1 })
})

test('E1: what was said to other addresses tells nobody which of them have an account', async () => {
  const user = await home.createUser()
  const taken = await home.createUser()
  const client = await freshlyProved(home, user)
  for (const newEmail of [taken.email, `free-${taken.email}`]) {
    await client.ask(ChangeEmailDocument, { newEmail })
    await eventually(async () => mailbox.mailsTo(newEmail).length > 0)
  }
  const messages = (await exported(client)).messages as { recipient: string; subject: string | null }[]
  const toOthers = messages.filter(({ recipient }) => recipient !== user.email)
  expect(toOthers).toHaveLength(2)
  const alike = toOthers.map((message) => JSON.stringify(Object.keys(message)) + message.subject)
  expect(alike[0]).toBe(alike[1])
})

test('whose key was lost is told so, and gets all the rest', async () => {
  const user = await home.createUser()
  await home.givePhone(user)
  await home.sql`UPDATE mfa_configurations SET sealed_secret = replace(sealed_secret, 'test:', 'lost:') WHERE user_id = ${user.id}`
  const client = await home.signedInAs(user, ['PASSWORD', 'SMS'], secondsAfter(home.now(), 300))
  const { factors, incomplete, account } = await exported(client)
  expect(factors).toMatchObject([{ method: 'SMS', phoneNumber: null }])
  expect({ incomplete, account }).toMatchObject({ incomplete: ['factors'], account: { id: user.id } })
})

test('lists that are too long are cut, named, and still answered within the deadline of a statement', async () => {
  const user = await home.createUser()
  const client = await freshlyProved(home, user)
  await home.sql`
    INSERT INTO consents (user_id, purpose, version, granted, recorded_at)
    SELECT ${user.id}, 'newsletter', n::text, true, now() FROM generate_series(1, ${mostRows + 1}::int) n`
  await home.sql`
    INSERT INTO user_sessions (id, user_id, token_hash, created_at, last_seen_at, idle_expires_at, expires_at,
      authentication_methods, ip_address, user_agent, ended_at, end_reason)
    SELECT gen_random_uuid(), ${user.id}, gen_random_uuid()::text, now() - n * interval '1 minute', now(), now(), now(),
      '{PASSWORD}', '192.0.2.1', 'Mozilla', now(), 'SIGNED_OUT' FROM generate_series(1, ${mostRows + 1}::int) n`
  const { consents, sessions, incomplete } = await exported(client)
  expect(incomplete).toEqual(['sessions', 'consents'])
  expect(sessions).toHaveLength(mostRows)
  expect(consents).toHaveLength(mostRows)
  expect(consents).toMatchObject({ 0: { version: String(mostRows + 1) } })
})

test('a long history is cut where the export says, and the rest is read page by page', async () => {
  const user = await home.createUser()
  await home.sql`
    WITH event AS (
      INSERT INTO security_events (id, type, severity, outcome, occurred_at, user_id, personal_digest)
      SELECT overlay(gen_random_uuid()::text placing left(first_id_of(date_trunc('month', now())::date)::text, 13) from 1)::uuid,
        'LOGGED_OUT', 'INFO', 'SUCCESS', now() - n * interval '1 minute', ${user.id}, ''
      FROM generate_series(1, 1030) n RETURNING id)
    INSERT INTO security_event_personal_data SELECT id, '', '192.0.2.1', 'x', '{}' FROM event`
  const client = await freshlyProved(home, user)
  const { newest, olderAfter } = (await exported(client)).securityEvents
  expect(newest).toHaveLength(1000)
  const { securityEvents } = await client.ask(SecurityEventsDocument, { first: 100, after: olderAfter })
  expect(securityEvents.edges).toHaveLength(30)
  expect(securityEvents.pageInfo.hasNextPage).toBe(false)
})

test('what an administrator wrote, and from where, stays out', async () => {
  const user = await home.createUser()
  const admin = await home.createUser({ role: 'ADMIN' })
  await (await freshlyProved(home, admin)).sendText(
    `mutation { revokeUserSessions(id: "${user.id}", reason: "told by the neighbour") { id } }`,
  )
  const data = await exported(await freshlyProved(home, user))
  expect(data.securityEvents.newest).toMatchObject([{ type: 'SESSION_REVOKED', ipAddress: null }])
  expect(JSON.stringify(data)).not.toContain('neighbour')
  expect(JSON.stringify(data)).not.toContain(admin.id)
})

test('five exports an hour are the most', async () => {
  const client = await freshlyProved(home, await home.createUser())
  for (let turn = 0; turn < 5; turn++) await client.ask(ExportMyDataDocument, {})
  expect((await client.refused(ExportMyDataDocument, {})).extensions.code).toBe('RATE_LIMITED')
})
