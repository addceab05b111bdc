import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { UsageError } from '../../src/cli/command.ts'
import { commands } from '../../src/cli/commands.ts'
import { leaveEnvironment } from '../../src/cli/local-environment.ts'
import { asOperator } from '../../src/cli/operator.ts'
import { problemOf } from '../../src/cli/problem.ts'
import { LoginDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, testKeys, testPassword } from '../support/gatehouse.ts'
import { runProgram } from '../support/run-program.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const cli = (args: string, input = '', environment: Record<string, string> = { DATABASE_URL: gatehouse.databaseUrl }) =>
  runProgram('cli/gatehouse.ts', args.split(' ').filter(Boolean), { environment, input })

const createAdmin = (email: string, password: string) =>
  cli(`create-admin --email ${email} --password-stdin`, `${password}\n`)

test('help names every command, needs no database, and is what no arguments get', async () => {
  const answers = await Promise.all(['', 'help', '--help'].map((args) => cli(args, '', {})))
  for (const { code, stdout, stderr } of answers) {
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toBe(answers[0]?.stdout)
    for (const command of Object.keys(commands)) expect(stdout).toContain(`  ${command}`)
  }
})

test('help COMMAND and COMMAND --help tell its options and exit codes', async () => {
  const [help, option] = await Promise.all([cli('help create-admin', '', {}), cli('create-admin --help', '', {})])
  expect(help).toEqual(option)
  expect(help.code).toBe(0)
  for (const part of ['--email', '--password-stdin', 'Exit code']) expect(help.stdout).toContain(part)
})

test.each([
  ['verfy-audit', 'there is no command "verfy-audit". Did you mean verify-audit?', ''],
  ['help explode', 'there is no command "explode".', ''],
  ['purge --dryrun', "Unknown option '--dryrun'. Did you mean --dry-run?", ' purge'],
  [
    'create-admin --email ada@example.com --password hunter2',
    "Unknown option '--password'. Did you mean --password-stdin?",
    ' create-admin',
  ],
])('%s exits 2 with what was meant, and does nothing', async (args, told, about) => {
  const { code, stdout, stderr } = await cli(args, testPassword)
  expect([code, stdout, stderr]).toEqual([2, '', `gatehouse: ${told}\nTry: gatehouse help${about}\n`])
})

test.each(Object.entries(commands))(
  '%s tells in its help what it does, with an example and its exit codes',
  (name, { summary, usage }) => {
    expect(summary).toMatch(/^[A-Z].*\.$/)
    expect(usage.startsWith(name)).toBe(true)
    expect(usage).toMatch(new RegExp(`^Example: (\\w+=\\S+ )?gatehouse ${name}`, 'm'))
    expect(usage).toMatch(/^Exit code: 0 .*1 .*2 wrong usage\.$/m)
    for (const line of usage.split('\n')) expect(line.length).toBeLessThanOrEqual(90)
  },
)

const noDatabase = () => {
  throw new UsageError('DATABASE_URL is missing')
}

test.each(Object.entries(commands))(
  '%s without a database, with an option that it does not know or with arguments too many is wrong usage',
  async (_name, command) => {
    await expect(command.run([], noDatabase)).rejects.toThrow(UsageError)
    await expect(command.run(['--hepl'], noDatabase)).rejects.toThrow(/^Unknown option '--hepl'/)
    await expect(command.run(['one', 'too many'], noDatabase)).rejects.toThrow(UsageError)
  },
)

test.each([
  ['archive-audit', ['--moths', '6'], "Unknown option '--moths'. Did you mean --months?"],
  ['archive-audit', ['--to'], "Option '--to <value>' argument missing"],
  ['create-admin', ['--password-stdin'], '--email is missing'],
  ['create-admin', ['--email', 'ada@example.com'], '--password-stdin is missing'],
  ['verify-audit', ['--form=2026'], "Unknown option '--form'. Did you mean --from?"],
  ['purge', ['--everything'], "Unknown option '--everything'. There are --dry-run."],
  ['purge', ['now'], "Unexpected argument 'now'"],
])('%s %j is told what is wrong with it', async (name, args, told) => {
  await expect(commands[name]?.run(args, noDatabase)).rejects.toThrow(told)
})

test('--version tells the version', async () => {
  const { code, stdout } = await cli('--version', '', {})
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^gatehouse \d+\.\d+\.\d+\n$/)])
})

test.each([
  ['missing', '', /^gatehouse: DATABASE_URL is missing: .+\nTry: gatehouse help purge\n$/, 2],
  ['no URL', 'hunter2', /^gatehouse: DATABASE_URL must be a URL such as .+\nTry: gatehouse help purge\n$/, 2],
  [
    'of nobody there',
    'postgres://user:hunter2@127.0.0.1:1/a',
    /^gatehouse: .+ 127.0.0.1:1 can not be reached .+\n$/,
    1,
  ],
])('a DATABASE_URL that is %s is told in a line', async (_what, url, told, expected) => {
  const { code, stderr } = await cli('purge', '', { DATABASE_URL: url, GATEHOUSE_DATA_DIR: '/nowhere' })
  expect([code, stderr]).toEqual([expected, expect.stringMatching(told)])
  expect(stderr).not.toContain('hunter2')
})

test.each([
  ['a wrong password', { password: 'hunter2' }, /refuses the user "postgres", or the password$/],
  ['no such database', { pathname: '/nothing' }, /has no database "nothing"$/],
  ['no schema', { pathname: '/postgres' }, /has not the newest schema .* Run: gatehouse migrate$/],
])('a database with %s is told in a line without a password, a statement or a stack', async (_what, change, told) => {
  const url = Object.assign(new URL(inject('postgresUrl')), change).href
  const work = asOperator(url, ({ provisionAccount }) => provisionAccount('ada@example.com', testPassword, 'ADMIN'))
  const problem = await work.then(
    () => null,
    (reason) => reason,
  )
  const { text, exitCode } = problemOf(problem, url)
  expect([exitCode, text]).toEqual([1, expect.stringMatching(told)])
  expect(text).not.toMatch(/hunter2|ada@|insert|\n/)
})

test('a role that the user is no member of is named, whichever it is', () => {
  const problem = Object.assign(new Error('permission denied to set role "gatehouse_archiver"'), { code: '42501' })
  expect(problemOf(problem, 'postgres://me@db/gatehouse').text).toContain('"me" is no member of gatehouse_archiver')
})

test('Ctrl-C ends a command at once with 130, and says what state it left', async () => {
  const other = postgres(gatehouse.databaseUrl, { max: 1 })
  await other`SELECT pg_advisory_lock(7203114)`
  try {
    const { code, stderr } = await runProgram('cli/gatehouse.ts', ['migrate'], {
      environment: { DATABASE_URL: gatehouse.databaseUrl },
      onError: (text, kill) => text.includes('waiting') && kill('SIGINT'),
    })
    expect(code).toBe(130)
    expect(stderr).toMatch(/through\.\n\ngatehouse: stopped\. Migrations are applied all or not at all\..*\n$/)
  } finally {
    await other.end()
  }
})

test('without DATABASE_URL a command works on the database of a running `npm run dev`, but in production', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-environment-'))
  const environment = { GATEHOUSE_DATA_DIR: folder }
  vi.stubEnv('GATEHOUSE_DATA_DIR', folder)
  try {
    const takeBack = leaveEnvironment({ DATABASE_URL: gatehouse.databaseUrl, GATEHOUSE_KEYS: testKeys })
    expect((await stat(join(folder, 'environment'))).mode & 0o777).toBe(0o600)
    const endings = await Promise.all([
      cli('verify-audit', '', environment),
      cli('migrate', '', { ...environment, NODE_ENV: 'production' }),
      cli('migrate', '', { ...environment, DATABASE_URL: 'postgres://127.0.0.1:1/x' }),
    ])
    expect(endings.map(({ code }) => code)).toEqual([0, 2, 1])
    takeBack()
    expect(await cli('migrate', '', environment)).toMatchObject({ code: 2, stdout: '' })
  } finally {
    vi.unstubAllEnvs()
    await rm(folder, { recursive: true })
  }
})

test('create-admin opens an account that signs in as ADMIN, and prints no password', async () => {
  const email = 'grace@example.com'
  const { code, stdout, stderr } = await createAdmin(email, testPassword)
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain(email)
  expect(stdout).not.toContain(testPassword)
  const { login } = await gatehouse.anonymous.ask(LoginDocument, { input: { email, password: testPassword } })
  expect(login).toMatchObject({ __typename: 'SignedIn', user: { role: 'ADMIN', status: 'ACTIVE' } })
  const events = await gatehouse.sql`
    SELECT e.type FROM security_events e JOIN users u ON u.id = e.user_id
    WHERE u.email = ${email} AND e.type = 'ACCOUNT_REGISTERED'`
  expect(events).toHaveLength(1)
})

test('create-admin refuses a weak password, a taken address and what is no address, each with its reason and code 1', async () => {
  const taken = await gatehouse.createUser()
  const [weak, again, malformed, none] = await Promise.all([
    createAdmin('weak@example.com', 'password1'),
    createAdmin(taken.email.toUpperCase(), testPassword),
    createAdmin('nobody', testPassword),
    createAdmin('none@example.com', ''),
  ])
  const expected = [
    [weak, /most common/],
    [again, /has an account/],
    [malformed, /not an email address/],
    [none, /fewer than 8/],
  ] as const
  for (const [{ code, stdout, stderr }, reason] of expected) {
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(reason)
    expect(stderr).not.toMatch(/password1|perfectly fine|\bat .*\.ts/)
  }
  const admins = await gatehouse.sql`SELECT 1 FROM users WHERE email ILIKE ANY(ARRAY['weak@%', 'none@%', 'nobody'])`
  expect(admins).toHaveLength(0)
})

test('create-admin neither opens a suspended account again nor changes its password', async () => {
  const user = await gatehouse.createUser()
  await gatehouse.sql`UPDATE users SET status = 'SUSPENDED' WHERE id = ${user.id}`
  const { code, stderr } = await createAdmin(user.email, 'another passphrase altogether')
  expect(code).toBe(1)
  expect(stderr).toMatch(/has an account already/)
  const input = { email: user.email, password: user.password }
  expect((await gatehouse.anonymous.refused(LoginDocument, { input })).extensions.code).toBe('ACCOUNT_SUSPENDED')
})

test('migrate brings an empty database to the newest schema, twice, and in parallel', async () => {
  const server = postgres(inject('postgresUrl'), { max: 1 })
  const names = ['migrate_twice', 'migrate_parallel']
  const urlOf = (name: string) => Object.assign(new URL(inject('postgresUrl')), { pathname: `/${name}` }).href
  const migrate = (name: string) => cli('migrate', '', { DATABASE_URL: urlOf(name) })
  try {
    for (const name of names) await server.unsafe(`CREATE DATABASE ${name}`)
    const endings = await Promise.all([
      migrate('migrate_parallel'),
      migrate('migrate_parallel'),
      migrate('migrate_twice').then(async (first) => [first, await migrate('migrate_twice')]),
    ])
    expect(endings.flat().map(({ code }) => code)).toEqual(Array(4).fill(0))
    const tables = await Promise.all([...names.map(urlOf), gatehouse.databaseUrl].map(tablesOf))
    expect(tables[0]).toContain('user_sessions')
    expect(tables[1]).toEqual(tables[0])
    expect(tables[2]).toEqual(tables[0])
  } finally {
    for (const name of names) await server.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    await server.end()
  }
})

const tablesOf = async (url: string): Promise<string[]> => {
  const sql = postgres(url, { max: 1 })
  try {
    return (await sql`SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`).map(
      (row) => row.tablename,
    )
  } finally {
    await sql.end()
  }
}
