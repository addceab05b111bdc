import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { leaveEnvironment } from '../../src/cli/local-environment.ts'
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
    for (const command of ['create-admin', 'demo', 'import-users', 'migrate', 'purge', 'rotate-signing-key'])
      expect(stdout).toContain(command)
  }
})

test('help COMMAND and COMMAND --help tell its options and exit codes', async () => {
  const [help, option] = await Promise.all([cli('help create-admin', '', {}), cli('create-admin --help', '', {})])
  expect(help).toEqual(option)
  expect(help.code).toBe(0)
  for (const part of ['--email', '--password-stdin', 'Exit code']) expect(help.stdout).toContain(part)
})

test.each([
  ['a command', ['explode', 'help explode'], 'explode'],
  ['an option', ['create-admin --force', 'create-admin --email ada@example.com --password hunter2'], '--'],
  ['an argument', ['migrate now'], 'now'],
])('%s that is unknown exits 2, says so on stderr, and does nothing', async (_what, calls, named) => {
  for (const { code, stdout, stderr } of await Promise.all(calls.map((args) => cli(args, testPassword)))) {
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(named)
    expect(stderr).not.toMatch(/\bat .*\.ts/)
  }
})

test.each([
  ['--email', 'create-admin --password-stdin'],
  ['--password-stdin', 'create-admin --email ada@example.com'],
])('without %s create-admin exits 2 and names it', async (option, args) => {
  const { code, stderr } = await cli(args, testPassword)
  expect([code, stderr]).toEqual([2, expect.stringContaining(option)])
})

test('without DATABASE_URL a command exits 2 and names it', async () => {
  const { code, stderr } = await cli('migrate', '', { GATEHOUSE_DATA_DIR: '/nowhere' })
  expect([code, stderr]).toEqual([2, expect.stringContaining('DATABASE_URL')])
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

test('a database that can not be reached exits 1 in words, without its password', async () => {
  const environment = { DATABASE_URL: 'postgres://user:hunter2@127.0.0.1:1/nothing' }
  const { code, stderr } = await cli('migrate', '', environment)
  expect(code).toBe(1)
  expect(stderr).toMatch(/^gatehouse: .+/)
  expect(stderr).not.toMatch(/hunter2|\bat .*\.ts/)
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
    expect(endings.flat().map(({ code, stderr }) => [code, stderr])).toEqual(Array(4).fill([0, '']))
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
