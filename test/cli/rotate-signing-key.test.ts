import { decodeProtectedHeader } from 'jose'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { publishedKeys, startService, tokenOf } from '../support/access-token.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually, type Gatehouse, startGatehouse, testKeys } from '../support/gatehouse.ts'
import { runProgram } from '../support/run-program.ts'

let gatehouse: Gatehouse
beforeEach(async () => {
  gatehouse = await startGatehouse()
})
afterEach(() => gatehouse.close())

const cli = (args = '', environment: Record<string, string> = {}) =>
  runProgram('cli/gatehouse.ts', ['rotate-signing-key', ...args.split(' ').filter(Boolean)], {
    environment: { DATABASE_URL: gatehouse.databaseUrl, GATEHOUSE_KEYS: testKeys, ...environment },
  })

const issue = async () => tokenOf(await gatehouse.signedInAs(await gatehouse.createUser()))
const countKeys = async () => (await gatehouse.sql`SELECT 1 FROM signing_keys`).length

test('the next key is published at once, signs when the command says, and is named again by a second run', async () => {
  const before = await issue()
  const started = Date.now()
  const { code, stdout, stderr } = await cli()
  expect([code, stderr]).toEqual([0, ''])
  const [, id, time = ''] = /^Key (\S+) signs from (\S+)\.\n$/.exec(stdout) ?? []
  const wait = Date.parse(time) - started
  expect(wait / 60_000).toBeGreaterThanOrEqual(15)
  expect(wait / 60_000).toBeLessThan(17)
  await eventually(async () => (await publishedKeys(gatehouse)).some(({ kid }) => kid === id))
  expect(decodeProtectedHeader(await issue()).kid).toBe(decodeProtectedHeader(before).kid)

  const again = await cli()
  expect([again.code, again.stderr]).toEqual([0, ''])
  expect(again.stdout).toBe(`Key ${id}, which was made already, signs from ${time}.\n`)
  gatehouse.advanceClock((Date.parse(time) - gatehouse.now().getTime()) / 1000)
  expect(decodeProtectedHeader(await issue()).kid).toBe(id)
})

test('--at-once the new key signs within a second of the answer, and no other is published', async () => {
  const { code, stdout, stderr } = await cli('--at-once')
  expect([code, stderr]).toEqual([0, ''])
  const [, id] = /^Key (\S+) signs from now on\. All keys before it are revoked\.\n$/.exec(stdout) ?? []
  await eventually(async () => (await publishedKeys(gatehouse))[0]?.kid === id)
  expect(await publishedKeys(gatehouse)).toHaveLength(1)
  const token = await issue()
  expect(decodeProtectedHeader(token).kid).toBe(id)
  await startService(gatehouse)(token)
})

test('on a database that no server has seen the key signs at once', async () => {
  const database = await createTestDatabase()
  try {
    const started = Date.now()
    const { code, stdout } = await cli('', { DATABASE_URL: database.url })
    expect(code).toBe(0)
    const time = Date.parse(/signs from (\S+)\.\n$/.exec(stdout)?.[1] ?? '')
    expect(time).toBeGreaterThanOrEqual(started)
    expect(time).toBeLessThanOrEqual(Date.now())
  } finally {
    await database.drop()
  }
})

test.each([
  ['without GATEHOUSE_KEYS', { GATEHOUSE_KEYS: '' }, '', 2, /GATEHOUSE_KEYS is missing/],
  ['with GATEHOUSE_KEYS malformed', { GATEHOUSE_KEYS: 'k1:c2hvcnQ=' }, '', 2, /GATEHOUSE_KEYS: each key must be/],
  ['with an unknown option', {}, '--now', 2, /--now/],
  ['with an argument', {}, 'please', 2, /please/],
  [
    'with keys that the servers do not have',
    { GATEHOUSE_KEYS: `test:${Buffer.alloc(32, 9).toString('base64')}` },
    '--at-once',
    1,
    /GATEHOUSE_KEYS opens none of the signing keys/,
  ],
])('%s it makes no key and says so', async (_what, environment, args, expected, words) => {
  const { code, stdout, stderr } = await cli(args, environment)
  expect([code, stdout]).toEqual([expected, ''])
  expect(stderr).toMatch(words)
  expect(stderr).not.toMatch(/\bat .*\.ts|c2hvcnQ|CQkJ/)
  expect(await countKeys()).toBe(1)
})

test('help tells its option, what it needs and its exit codes, without a database', async () => {
  const { code, stdout } = await runProgram('cli/gatehouse.ts', ['help', 'rotate-signing-key'])
  expect(code).toBe(0)
  for (const part of ['--at-once', 'GATEHOUSE_KEYS', 'Exit code']) expect(stdout).toContain(part)
})
