import { afterAll, beforeAll, expect, test } from 'vitest'
import { tellHistory } from '../../src/demo/history.ts'
import { secondsAfter } from '../../src/lib/clock.ts'
import { LoginDocument, SecurityOverviewDocument, SendMfaCodeDocument } from '../support/documents.generated.ts'
import { rowCounts } from '../support/evidence.ts'
import { type Gatehouse, type Mail, startGatehouse, testKeys } from '../support/gatehouse.ts'
import { countNaively } from '../support/overview.ts'
import { runProgram } from '../support/run-program.ts'
import { completeChallenge } from '../support/second-factor.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const run = (
  args: string,
  environment: Record<string, string> = {},
  onError = (_text: string) => {},
  command = 'demo',
) =>
  runProgram('cli/gatehouse.ts', [command, ...args.split(' ').filter(Boolean)], {
    environment: {
      NODE_ENV: 'development',
      DATABASE_URL: gatehouse.databaseUrl,
      GATEHOUSE_KEYS: testKeys,
      ...environment,
    },
    onError,
  })
const rows = () => rowCounts(gatehouse.sql)

test.each([
  ['a number out of range', 2, '--users 9', {}, '--users'],
  ['an unknown option', 2, '--force', {}, '--force'],
  ['no keys', 2, '', { GATEHOUSE_KEYS: '' }, 'GATEHOUSE_KEYS'],
  ['NODE_ENV=production', 1, '', { NODE_ENV: 'production' }, 'for development'],
  ['no NODE_ENV', 1, '', { NODE_ENV: '' }, 'for development'],
])('with %s it exits %i, says why and writes nothing', async (_what, exitCode, args, environment, why) => {
  const before = await rows()
  const { code, stdout, stderr } = await run(args, environment)
  expect([code, stdout, stderr]).toEqual([exitCode, '', expect.stringContaining(why)])
  expect(await rows()).toBe(before)
})

test('where anybody but the administrator has an account it refuses and writes nothing', async () => {
  const stranger = await gatehouse.createUser()
  const before = await rows()
  const { code, stdout, stderr } = await run('--users 10 --events 100')
  expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining('has an account in this database')])
  expect(await rows()).toBe(before)
  await gatehouse.sql`DELETE FROM users WHERE id = ${stranger.id}`
})

test('one that is cut off leaves nothing', async () => {
  const before = await rows()
  const { code, stdout } = await run('--events 12000', {}, async () => {
    await gatehouse.sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND query LIKE '%"security_events"%' AND xact_start IS NOT NULL
        AND pid <> pg_backend_pid()`
  })
  expect([code, stdout, await rows()]).toEqual([1, '', before])
})

test('people sign in as printed, the log is whole and counted, and a second run is refused', async () => {
  const { code, stdout, stderr } = await run('--users 60 --events 2000 --days 25 --seed 3')
  expect([code, stderr]).toEqual([0, ''])
  const printed = (name: string) => new RegExp(`^  ${name} {2,}(\\S+)`, 'm').exec(stdout)?.[1] as string
  const signIn = async (name: string) => {
    const input = { email: printed(name), password: printed('Password') }
    return (await gatehouse.anonymous.ask(LoginDocument, { input })).login
  }
  expect(await signIn('User')).toMatchObject({ __typename: 'SignedIn', user: { role: 'USER' } })
  const asked = await signIn('User with SMS')
  if (asked.__typename !== 'MfaRequired') throw new Error(`No code was asked for: ${asked.__typename}`)
  const challengeId = asked.challenge.id
  await gatehouse.anonymous.ask(SendMfaCodeDocument, { input: { challengeId } })
  const outbox = (await (await fetch(`${gatehouse.url}/outbox.json`)).json()) as Mail[]
  const text = outbox.find(({ to }) => /^\+1\d{3}55501\d\d$/.test(to))?.text ?? ''
  await completeChallenge(gatehouse.anonymous, challengeId, /\b\d{6}\b/.exec(text)?.[0] ?? '', 'SignedIn')

  const auditor = await signIn('Auditor')
  if (auditor.__typename !== 'SignedIn') throw new Error(`The auditor is not signed in: ${auditor.__typename}`)
  const [from, to] = [secondsAfter(gatehouse.now(), -26 * 24 * 3600), secondsAfter(gatehouse.now(), 3600)]
  const period = { from: from.toISOString(), to: to.toISOString() }
  const { securityOverview } = await gatehouse
    .clientWith(auditor.sessionToken as string)
    .ask(SecurityOverviewDocument, period)
  expect(securityOverview).toMatchObject(await countNaively(gatehouse.sql, from, to))
  expect(securityOverview).toMatchObject({ users: 60, lockedAccounts: 2 })
  for (const figure of ['usersWithMfa', 'activeSessions'] as const) expect(securityOverview[figure]).toBeGreaterThan(0)
  expect(securityOverview.eventsByType.length).toBeGreaterThan(15)

  const check = await run('', {}, () => {}, 'verify-audit')
  expect([check.code, check.stdout]).toEqual([0, expect.stringContaining('intact')])
  const wrong = await gatehouse.sql`
    SELECT type FROM security_events LEFT JOIN user_sessions s ON s.id = session_id
    WHERE session_id IS NOT NULL AND (s.user_id IS DISTINCT FROM security_events.user_id OR occurred_at < s.created_at
      OR ended_at IS NULL AND type IN ('LOGGED_OUT', 'SESSION_EXPIRED'))`
  expect(wrong).toEqual([])

  const before = await rows()
  expect(await run('')).toMatchObject({ code: 1, stdout: '' })
  expect(await rows()).toBe(before)
})

test('the same seed tells the same story, and another seed another', () => {
  const story = { seed: 1, users: 20, events: 300, days: 7, end: new Date('2026-06-01T12:00:00Z') }
  expect(tellHistory(story)).toEqual(tellHistory(story))
  expect(tellHistory({ ...story, seed: 2 })).not.toEqual(tellHistory(story))
})
