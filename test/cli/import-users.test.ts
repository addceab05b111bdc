import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hashSync as argon2 } from '@node-rs/argon2'
import { hashSync as bcrypt } from '@node-rs/bcrypt'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createProgress } from '../../src/cli/progress.ts'
import { startOf } from '../support/build.ts'
import { createTestDatabase } from '../support/database.ts'
import { ConfirmEmailDocument, LoginDocument, RegisterDocument } from '../support/documents.generated.ts'
import { confirmationTokenTo, eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { historyOf } from '../support/history.ts'
import { type Ending, runProgram } from '../support/run-program.ts'

let gatehouse: Gatehouse
let folder: string
beforeAll(async () => {
  gatehouse = await startGatehouse()
  folder = await mkdtemp(join(tmpdir(), 'import-users-'))
})
afterAll(async () => {
  await gatehouse.close()
  await rm(folder, { recursive: true, force: true })
})

const password = 'the password of old'
const hash = bcrypt(password, 4)
const newAddress = () => `${randomUUID()}@example.com`
const line = (account: Record<string, unknown>) => JSON.stringify(account)
const linesFor = (addresses: readonly string[]) =>
  addresses.map((email) => line({ email, passwordHash: hash })).join('\n')

const endings: Ending[] = []
/** Runs the command on this text, from standard input or from a file. */
const run = async (text: string | Buffer, path = '-', databaseUrl = gatehouse.databaseUrl): Promise<Ending> => {
  const options = { environment: { DATABASE_URL: databaseUrl }, input: path === '-' ? (text as string) : '' }
  if (path !== '-') await writeFile(path, text)
  const ending = await runProgram('cli/gatehouse.ts', ['import-users', path], options)
  endings.push(ending)
  return ending
}
afterEach(() => {
  for (const { stdout, stderr } of endings.splice(0)) {
    expect(stdout + stderr).not.toMatch(/\$2[abxy]\$\d\d\$\S|\$argon2id\$v=19\$m=\d|\bat .*\.ts/)
  }
})

const newFile = () => join(folder, randomUUID())
const ended = (code: number, stdout: string, stderr = ''): Ending => ({ code, stdout: `${stdout}\n`, stderr })

const logIn = (email: string, secret = password) =>
  gatehouse.anonymous.send(LoginDocument, { input: { email, password: secret } })

const rowOf = async (email: string) => {
  const [row] = await gatehouse.sql`
    SELECT id, email, display_name, role, status, password_hash, created_at, email_confirmed_at, version
    FROM users WHERE email_key = ${email.toLowerCase()}`
  return row
}

describe('an imported account', () => {
  test('signs in with its old password, and with no other: bcrypt $2a$, $2b$ and $2y$, and argon2id', async () => {
    const kinds = ['$$2a', '$$2b', '$$2y'].map((kind) => bcrypt(password, 4).replace(/^\$2b/, kind))
    const hashes = [...kinds, argon2(password, { memoryCost: 4096, timeCost: 3, parallelism: 1 })]
    const accounts = hashes.map((passwordHash) => ({ email: newAddress(), passwordHash }))
    expect(await run(accounts.map(line).join('\n'))).toEqual(ended(0, 'Imported 4, already there 0, refused 0.'))
    for (const { email } of accounts) {
      expect((await logIn(email, `${password}!`)).errors?.[0]?.extensions.code).toBe('INVALID_CREDENTIALS')
      for (const spelling of [email, email.toUpperCase()]) {
        expect((await logIn(spelling)).data?.login).toMatchObject({
          __typename: 'SignedIn',
          user: { email, role: 'USER', status: 'ACTIVE', displayName: null },
        })
      }
    }
  })

  test('has what its line says, and one event', async () => {
    const email = 'Ada.Lovelace@Example.com'
    const start = gatehouse.now()
    const account = { email, passwordHash: hash, displayName: ' Ada ', role: 'AUDITOR' }
    await run(line({ ...account, createdAt: '2019-04-30T14:00:00.123456+02:00' }))
    const row = await rowOf(email)
    expect(row).toMatchObject({
      email,
      display_name: 'Ada',
      role: 'AUDITOR',
      status: 'ACTIVE',
      created_at: '2019-04-30 12:00:00.123+00',
    })
    expect(new Date(row?.email_confirmed_at).getTime()).toBeGreaterThanOrEqual(start.getTime() - 1)
    expect(await historyOf(gatehouse, { id: row?.id })).toMatchObject([
      { type: 'ACCOUNT_REGISTERED', outcome: 'SUCCESS', details: { by: 'import', role: 'AUDITOR' } },
    ])
  })

  test('G2: a password behind the 72 bytes that bcrypt reads opens nothing', async () => {
    const [email, read] = [newAddress(), 'é'.repeat(36)]
    await run(line({ email, passwordHash: bcrypt(read, 4) }))
    for (const more of ['1', 'é']) {
      expect((await logIn(email, read + more)).errors?.[0]?.extensions.code).toBe('INVALID_CREDENTIALS')
    }
    expect((await logIn(email, read)).data?.login.__typename).toBe('SignedIn')
  })

  test('may leave out or null what has a default', async () => {
    const email = newAddress()
    const rest = { displayName: null, role: null, createdAt: null }
    expect((await run(line({ email, passwordHash: hash, ...rest }))).code).toBe(0)
    expect(await rowOf(email)).toMatchObject({ display_name: null, role: 'USER' })
  })
})

const refusals: [what: string, change: Record<string, unknown> | string | Buffer, said: string][] = [
  ['no address', { email: undefined }, 'email: must be an email address, such as ada@example.com'],
  ['what is no address', { email: 'ada' }, 'email: must be an email address'],
  ['an address in other letters', { email: 'аda@example.com' }, 'email: must be an email address'],
  ['no hash', { passwordHash: undefined }, 'passwordHash: must be a bcrypt hash ($2a$, $2b$ or $2y$, cost 4 to 15) or'],
  ['a hash cut short', { passwordHash: hash.slice(0, -1) }, 'passwordHash: must be'],
  ['a password instead of its hash', { passwordHash: password }, 'passwordHash: must be'],
  ['bcrypt of cost 16', { passwordHash: hash.replace('$04$', '$16$') }, 'passwordHash: must be'],
  ['bcrypt of an unknown kind', { passwordHash: hash.replace('$2b$', '$2x$') }, 'passwordHash: must be'],
  ['argon2id that needs 1 GiB', { passwordHash: argon2id('m=1048576,t=2,p=1') }, 'passwordHash: must be'],
  ['argon2id of 11 passes', { passwordHash: argon2id('m=19456,t=11,p=1') }, 'passwordHash: must be'],
  ['argon2id of less than 8 KiB a lane', { passwordHash: argon2id('m=8,t=1,p=2') }, 'passwordHash: must be'],
  ['argon2id with a salt of loose ends', { passwordHash: argon2id('m=8,t=1,p=1', 'B') }, 'passwordHash: must be'],
  ['argon2i', { passwordHash: argon2id('m=19456,t=2,p=1').replace('id', 'i') }, 'passwordHash: must be'],
  ['a name of 101 characters', { displayName: 'x'.repeat(101) }, 'displayName: must be text of at most 100'],
  ['a name with control characters', { displayName: 'Ada\u0000' }, 'displayName: must be text'],
  ['a name with half a character', { displayName: '\ud83d' }, 'displayName: must be text'],
  ['a name that is a number', { displayName: 7 }, 'displayName: must be text'],
  ['an unknown role', { role: 'admin' }, 'role: must be USER, AUDITOR or ADMIN'],
  ['a date without a time', { createdAt: '2019-04-30' }, 'createdAt: must be an RFC 3339 time'],
  ['30 February', { createdAt: '2019-02-30T12:00:00Z' }, 'createdAt: must be'],
  ['hour 25', { createdAt: '2019-04-30T25:00:00Z' }, 'createdAt: must be'],
  ['a time without a zone', { createdAt: '2019-04-30T12:00:00' }, 'createdAt: must be'],
  ['the future', { createdAt: '2999-04-30T12:00:00Z' }, 'createdAt: must be'],
  ['the year 0', { createdAt: '0000-01-01T12:00:00Z' }, 'createdAt: must be'],
  ['seconds since 1970', { createdAt: 1556625600 }, 'createdAt: must be'],
  [
    'an unknown field',
    { displayname: 'Ada' },
    'displayname: is unknown; the fields are email, passwordHash, displayName',
  ],
  ['a hash as a field', { [hash]: '' }, 'a field: is unknown'],
  ['a field that moves the cursor', { '\u001b[2J': '' }, 'a field: is unknown'],
  ['a prototype', `{"email":"a@b.example","passwordHash":"${hash}","__proto__":{}}`, '__proto__: is unknown'],
  ['what is no JSON', `{"email":"a@b.example","passwordHash":"${hash}"`, 'must be one JSON object'],
  ['CSV', `a@b.example,${hash}`, 'must be one JSON object'],
  ['a JSON list', `["a@b.example","${hash}"]`, 'must be one JSON object'],
  ['null', 'null', 'must be one JSON object'],
  ['what is no UTF-8', Buffer.from('{"email":"\xff@b.example"}', 'latin1'), 'must be UTF-8'],
  [
    'more than 10 kB',
    line({ email: 'a@b.example', passwordHash: hash }).padEnd(10_001),
    'must have at most 10000 bytes',
  ],
  ['100 kB', 'x'.repeat(100_000), 'must have at most 10000 bytes'],
]

function argon2id(parameters: string, endOfSalt = 'A') {
  return `$argon2id$v=19$${parameters}$${'A'.repeat(21)}${endOfSalt}$${'A'.repeat(43)}`
}

test('each line that will not do is refused by its number, field and rule; all others are imported', async () => {
  const addresses = refusals.map(newAddress)
  const text = refusals.flatMap(([, change], index) => {
    const sound = { email: addresses[index], passwordHash: hash }
    const faulty = { ...sound, email: newAddress() }
    const isText = typeof change === 'string' || Buffer.isBuffer(change)
    return [line(sound), isText ? change : line({ ...faulty, ...change })].map((part) => Buffer.from(part))
  })
  const file = Buffer.concat(text.flatMap((part) => [part, Buffer.from('\n')]))
  const { code, stdout, stderr } = await run(file, newFile())
  expect([code, stdout]).toEqual([1, `Imported ${refusals.length}, already there 0, refused ${refusals.length}.\n`])
  const said = stderr.trimEnd().split('\n')
  expect(said.map((text, index) => text.slice(0, `line ${2 * index + 2}: ${refusals[index]?.[2]}`.length))).toEqual(
    refusals.map(([, , rule], index) => `line ${2 * index + 2}: ${rule}`),
  )
  const [{ count } = { count: 0 }] = await gatehouse.sql`
    SELECT count(*)::int FROM users WHERE email = ANY(${addresses}) AND status = 'ACTIVE'`
  expect(count).toBe(refusals.length)
})

test('a line with several faults tells all of them, and counts once', async () => {
  const { code, stdout, stderr } = await run(line({ email: 'ada', role: 'OWNER', passwort: 'x' }))
  expect([code, stdout]).toEqual([1, 'Imported 0, already there 0, refused 1.\n'])
  expect(stderr.match(/^line 1: \w+/gm)).toEqual(
    ['passwort', 'email', 'passwordHash', 'role'].map((name) => `line 1: ${name}`),
  )
})

test('of an address twice in one file the second is refused, in whatever case it is written', async () => {
  const email = newAddress()
  const other = bcrypt('another password', 4)
  const text = `${linesFor([email])}\n${line({ email: email.toUpperCase(), passwordHash: other })}`
  const said = 'line 2: email: must be in the file once; line 1 has it\n'
  expect(await run(text)).toEqual(ended(1, 'Imported 1, already there 0, refused 1.', said))
  expect((await logIn(email)).data?.login.__typename).toBe('SignedIn')
})

test('a byte order mark, CRLF, blank lines, a missing last line feed and separators of Unicode in a name are tolerated', async () => {
  const addresses = [newAddress(), newAddress(), newAddress()] as const
  const text = `\ufeff${linesFor([addresses[0]])}\r\n\r\n  \r\n${linesFor([addresses[1]])}\r\n\n`
  const padded = line({ email: addresses[2], passwordHash: hash }).padEnd(10_000)
  expect(await run(text + padded, newFile())).toEqual(ended(0, 'Imported 3, already there 0, refused 0.'))
  const named = `{"email":"${newAddress()}","passwordHash":"${hash}","displayName":"Ada\u2028L"}`
  expect((await run(named)).stderr).toMatch(/^line 1: displayName: [^\n]+\n$/)
})

test('the same file again changes nothing', async () => {
  const file = newFile()
  const addresses = Array.from({ length: 450 }, newAddress)
  const snapshot = () => gatehouse.sql`
    SELECT u.*, (SELECT count(*) FROM security_events e WHERE e.user_id = u.id)::int AS events
    FROM users u WHERE email = ANY(${addresses}) ORDER BY id`
  expect(await run(linesFor(addresses), file)).toEqual(ended(0, 'Imported 450, already there 0, refused 0.'))
  const before = [...(await snapshot())]
  expect(before).toHaveLength(450)
  expect(await run(linesFor(addresses), file)).toEqual(ended(0, 'Imported 0, already there 450, refused 0.'))
  expect([...(await snapshot())]).toEqual(before)
})

test.each([
  ['an active', 'ACTIVE'],
  ['a suspended', 'SUSPENDED'],
])('an address that has %s account keeps its password, role, name and status', async (_what, status) => {
  const user = await gatehouse.createUser()
  await gatehouse.sql`UPDATE users SET status = ${status} WHERE id = ${user.id}`
  const before = await rowOf(user.email)
  const other = { email: user.email.toUpperCase(), passwordHash: hash, role: 'ADMIN', displayName: 'Mallory' }
  expect(await run(line(other))).toEqual(ended(0, 'Imported 0, already there 1, refused 0.'))
  expect(await rowOf(user.email)).toEqual(before)
  expect((await logIn(user.email)).errors?.[0]?.extensions.code).toBe('INVALID_CREDENTIALS')
})

test('E10: a registration that waits for its mailbox is taken over, and its links are void', async () => {
  const email = newAddress()
  const input = { email: email.toUpperCase(), password: 'what mallory chose for her', displayName: 'Mallory' }
  await gatehouse.anonymous.ask(RegisterDocument, { input })
  const token = await confirmationTokenTo(gatehouse, input.email)
  const { id, version } = (await rowOf(email)) ?? {}
  expect(await run(linesFor([email, newAddress()]))).toEqual(ended(0, 'Imported 2, already there 0, refused 0.'))

  const taken = await rowOf(email)
  expect(taken).toMatchObject({
    id,
    email,
    display_name: null,
    status: 'ACTIVE',
    password_hash: hash,
    version: version + 1,
  })
  const { errors } = await gatehouse.anonymous.send(ConfirmEmailDocument, { input: { token } })
  expect(errors?.[0]?.extensions.code).toBe('TOKEN_INVALID')
  expect((await logIn(email, input.password)).errors?.[0]?.extensions.code).toBe('INVALID_CREDENTIALS')
  expect((await logIn(email)).data?.login.__typename).toBe('SignedIn')
  expect(await gatehouse.sql`SELECT FROM email_confirmations WHERE user_id = ${id}`).toHaveLength(0)
  const registered = (await historyOf(gatehouse, { id })).filter(({ type }) => type === 'ACCOUNT_REGISTERED')
  expect(registered.map(({ details }) => details)).toEqual([{}, { by: 'import', role: 'USER' }])
})

test('of two imports of the same 2,000 accounts at once each account is opened once, with one event, and none waits in a circle', async () => {
  const addresses = Array.from({ length: 2_000 }, newAddress)
  const backwards = Array.from({ length: 10 }, (_none, batch) =>
    addresses.slice(200 * batch, 200 * (batch + 1)).reverse(),
  )
  const both = await Promise.all([run(linesFor(addresses)), run(linesFor(backwards.flat()))])
  expect(both.map(({ code, stderr }) => [code, stderr])).toEqual(Array(2).fill([0, '']))
  const counts = both.map(({ stdout }) => stdout.match(/\d+/g)?.map(Number) as [number, number, number])
  expect(counts.map(([imported, alreadyThere]) => imported + alreadyThere)).toEqual([2_000, 2_000])
  expect(counts.reduce((sum, [imported]) => sum + imported, 0)).toBe(2_000)
  const events = await gatehouse.sql`
    SELECT u.id, count(e.id)::int FROM users u LEFT JOIN security_events e ON e.user_id = u.id
    WHERE u.email = ANY(${addresses}) AND u.status = 'ACTIVE' GROUP BY u.id`
  expect(events).toHaveLength(2_000)
  expect(events.filter(({ count }) => count !== 1)).toEqual([])
  expect(await gatehouse.sql`SELECT FROM security_events WHERE user_id NOT IN (SELECT id FROM users)`).toHaveLength(0)
  const [database] = await gatehouse.sql`SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`
  expect(database?.deadlocks).toBe('0')
})

test('stopped by Ctrl-C it leaves whole batches, and run again it completes', async () => {
  const addresses = Array.from({ length: 700 }, newAddress)
  const text = linesFor(addresses)
  const count = async () => {
    const [row] = await gatehouse.sql`
      SELECT count(*)::int, (SELECT count(*)::int FROM security_events e JOIN users u ON u.id = e.user_id
        WHERE u.email = ANY(${addresses})) AS events
      FROM users WHERE email = ANY(${addresses})`
    return [row?.count, row?.events]
  }
  const child = spawn(process.execPath, [...startOf('cli/gatehouse.ts'), 'import-users', '-'], {
    cwd: join(import.meta.dirname, '../..'),
    env: { PATH: process.env.PATH, DATABASE_URL: gatehouse.databaseUrl },
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  child.stdin.write(text.split('\n').slice(0, 500).join('\n'))
  await eventually(async () => (await count())[0] === 400)
  child.kill('SIGINT')
  await once(child, 'exit')
  expect(await count()).toEqual([400, 400])
  expect(await run(text)).toEqual(ended(0, 'Imported 300, already there 400, refused 0.'))
  expect(await count()).toEqual([700, 700])
})

test('what can not be written is told without the hash, and what was written before is counted', async () => {
  const database = await createTestDatabase()
  try {
    const options = { environment: { DATABASE_URL: database.url } }
    const broken = await startGatehouse({ databaseUrl: database.url })
    await broken.sql`ALTER TABLE users ADD CHECK (email <> 'last@example.com')`
    await broken.close()
    const path = newFile()
    await writeFile(path, linesFor([...Array.from({ length: 250 }, newAddress), 'last@example.com']))
    const ending = await runProgram('cli/gatehouse.ts', ['import-users', path], options)
    endings.push(ending)
    expect([ending.code, ending.stdout]).toEqual([1, 'Imported 200, already there 0, refused 0.\n'])
    expect(ending.stderr).toMatch(/^gatehouse: .+\n$/)
    expect(ending.stderr).not.toContain(hash.slice(-20))
  } finally {
    await database.drop()
  }
})

describe('called in a wrong way', () => {
  const cli = (...args: string[]) =>
    runProgram('cli/gatehouse.ts', ['import-users', ...args], { environment: { DATABASE_URL: gatehouse.databaseUrl } })

  test('without a file, with two, or with an unknown option it exits 2', async () => {
    for (const args of [[], ['one', 'two'], ['--force', 'one']]) {
      expect(await cli(...args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^gatehouse: /) })
    }
  })

  test('a file that is not there, and a directory, are named, and exit 1', async () => {
    const missing = join(folder, 'missing.jsonl')
    expect(await cli(missing)).toEqual({ code: 1, stdout: '', stderr: `gatehouse: ${missing} does not exist\n` })
    expect(await cli(folder)).toEqual({
      code: 1,
      stdout: '',
      stderr: `gatehouse: ${folder} is a directory, not a file\n`,
    })
  })

  test('help tells the format, an example and the exit codes', async () => {
    const { stdout } = await cli('--help')
    const parts = ['FILE', 'email', 'passwordHash', 'displayName', 'role', 'createdAt', 'Example', 'Exit code']
    for (const part of parts) expect(stdout).toContain(part)
  })
})

describe('progress', () => {
  test('without a terminal there is a line for every 10,000 accounts', async () => {
    const path = newFile()
    const database = await createTestDatabase()
    try {
      const addresses = Array.from({ length: 10_100 }, () => `${randomBytes(8).toString('hex')}@example.com`)
      const { code, stdout, stderr } = await run(linesFor(addresses), path, database.url)
      expect([code, stdout]).toEqual([0, 'Imported 10100, already there 0, refused 0.\n'])
      expect(stderr).toMatch(/^10000 accounts, (99|100)%\n$/)
    } finally {
      await database.drop()
    }
  })

  test('on a terminal one line is redrawn at most ten times a second, and makes way for what stays', () => {
    const written: string[] = []
    let time = 0
    const output = { isTTY: true, write: (text: string) => written.push(text) }
    const progress = createProgress(output, () => time, 'accounts')
    for (; time <= 1_000; time += 10) progress.show(time, null)
    expect(written).toHaveLength(11)
    progress.say('line 7: email: must be …')
    progress.show(1_200, 0.509)
    time += 100
    progress.show(1_400, 0.509)
    progress.clear()
    progress.clear()
    const clear = '\r\u001b[K'
    expect(written.slice(10)).toEqual([
      `${clear}1000 accounts`,
      clear,
      'line 7: email: must be …\n',
      `${clear}1400 accounts, 50%`,
      clear,
    ])
  })
})
