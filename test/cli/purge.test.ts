import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { newId } from '../../src/lib/ids.ts'
import { purgeTurn } from '../../src/retention/lease-service.ts'
import { countEvents, rowCounts } from '../support/evidence.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { runProgram } from '../support/run-program.ts'

let gatehouse: Gatehouse
let user: TestUser
beforeAll(async () => {
  gatehouse = await startGatehouse()
  user = await gatehouse.createUser()
  // Another server's, so that this one does not purge beside the command.
  await gatehouse.sql`INSERT INTO task_leases VALUES ('purge duty', ${newId()}, now() + interval '1 hour')`
})
afterAll(() => gatehouse.close())

const cli = (args: string, environment: Record<string, string> = {}, onError = (_text: string) => {}) =>
  runProgram('cli/gatehouse.ts', ['purge', ...args.split(' ').filter(Boolean)], {
    environment: { DATABASE_URL: gatehouse.databaseUrl, ...environment },
    onError,
  })

/** How many of a kind the table of the command tells. */
const counted = (stdout: string, what: string) => new RegExp(`^ +(.+)  ${what}$`, 'm').exec(stdout)?.[1]

const sessionEndedDaysAgo = async (days: number): Promise<string> => {
  const id = newId()
  await gatehouse.sql`
    INSERT INTO user_sessions (id, user_id, token_hash, created_at, last_seen_at, idle_expires_at, expires_at,
      authentication_methods, ip_address, user_agent, ended_at, end_reason)
    SELECT ${id}, ${user.id}, ${id}, at, at, at, at, '{PASSWORD}', '127.0.0.1', '', at, 'SIGNED_OUT'
    FROM (SELECT now() - ${days} * interval '1 day' AS at) AS times`
  return id
}
const overdueSession = () => gatehouse.sql`
  INSERT INTO user_sessions (id, user_id, token_hash, created_at, last_seen_at, idle_expires_at, expires_at,
    authentication_methods, ip_address, user_agent)
  SELECT ${newId()}, ${user.id}, ${newId()}, at, at, at, at, '{PASSWORD}', '127.0.0.1', ''
  FROM (SELECT now() - interval '1 hour' AS at) AS times`
const sessionIds = async () => (await gatehouse.sql`SELECT id FROM user_sessions`).map(({ id }) => id)

beforeEach(() => gatehouse.sql`DELETE FROM user_sessions`)

test('purge does what servers do, and says how much of each kind there was', async () => {
  await sessionEndedDaysAgo(31)
  const kept = await sessionEndedDaysAgo(29)
  await gatehouse.sql`INSERT INTO attempt_budgets VALUES ('over', null, 1, now() - interval '1 second')`
  const { code, stdout, stderr } = await cli('')
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain('30 days')
  expect(counted(stdout, 'ended sessions')).toBe('1')
  expect(counted(stdout, 'known devices')).toBe('0')
  expect(await sessionIds()).toEqual([kept])
  expect(await gatehouse.sql`SELECT 1 FROM task_leases WHERE task = ${purgeTurn}`).toHaveLength(0)
})

test('--dry-run counts the same and changes nothing', async () => {
  await sessionEndedDaysAgo(31)
  const before = await rowCounts(gatehouse.sql)
  const { code, stdout } = await cli('--dry-run')
  expect(code).toBe(0)
  expect(stdout).toContain('Nothing was changed')
  expect(counted(stdout, 'ended sessions')).toBe('1')
  expect(await rowCounts(gatehouse.sql)).toBe(before)
})

test('SESSION_RETENTION_DAYS is heeded, and anything but days exits 2 and deletes nothing', async () => {
  const id = await sessionEndedDaysAgo(31)
  for (const days of ['0', '3651', '1.5', 'never']) {
    const { code, stdout, stderr } = await cli('', { SESSION_RETENTION_DAYS: days })
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining('SESSION_RETENTION_DAYS must be')])
  }
  await cli('', { SESSION_RETENTION_DAYS: '32' })
  expect(await sessionIds()).toEqual([id])
  await cli('', { SESSION_RETENTION_DAYS: '30' })
  expect(await sessionIds()).toEqual([])
})

test('while a server is at it purge says so and waits; two commands at once record each end once', async () => {
  await overdueSession()
  const before = await countEvents(gatehouse.sql, 'SESSION_EXPIRED')
  await gatehouse.sql`INSERT INTO task_leases VALUES (${purgeTurn}, ${newId()}, now() + interval '1 hour')`
  let waiting = 0
  let areDone = false
  const command = () => cli('', {}, () => waiting++)
  const commands = Promise.all([command(), command()]).finally(() => {
    areDone = true
  })
  await eventually(() => waiting === 2)
  expect(areDone).toBe(false)
  await gatehouse.sql`DELETE FROM task_leases WHERE task = ${purgeTurn}`
  const endings = await commands
  for (const { code, stderr } of endings) {
    expect(code).toBe(0)
    expect(stderr).toBe('A server or another purge is at it: waiting until it is through.\n')
  }
  const ended = endings.map(({ stdout }) => counted(stdout, 'overdue sessions, ended')).sort()
  expect(ended).toEqual(['0', '1'])
  expect(await countEvents(gatehouse.sql, 'SESSION_EXPIRED')).toBe(before + 1)
})

test.each([
  ['--dryrun', 'Did you mean --dry-run?'],
  ['--force', 'There are --dry-run.'],
])('%s is no option: exits 2, names --dry-run, deletes nothing', async (option, hint) => {
  const id = await sessionEndedDaysAgo(31)
  const { code, stdout, stderr } = await cli(option)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(option)
  expect(stderr).toContain(hint)
  expect(await sessionIds()).toEqual([id])
})

test('what fails is named, the rest is done, and the code is 1', async () => {
  await sessionEndedDaysAgo(31)
  await gatehouse.sql.unsafe('ALTER TABLE known_devices RENAME COLUMN last_seen_at TO lost')
  try {
    const { code, stdout, stderr } = await cli('')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^known devices: .+/)
    expect(stderr).not.toMatch(/\bat .*\.ts/)
    expect(counted(stdout, 'ended sessions')).toBe('1')
  } finally {
    await gatehouse.sql.unsafe('ALTER TABLE known_devices RENAME COLUMN lost TO last_seen_at')
  }
})

test('help tells the options, examples and exit codes', async () => {
  const { code, stdout } = await cli('--help')
  expect(code).toBe(0)
  for (const part of ['--dry-run', 'SESSION_RETENTION_DAYS', 'Example', 'Exit code: 0']) expect(stdout).toContain(part)
})
