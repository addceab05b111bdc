import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { auditKeysOf } from '../../src/audit/audit-key.ts'
import { UsageError } from '../../src/cli/command.ts'
import { verifyAudit } from '../../src/cli/verify-audit.ts'
import { writeArchives } from '../support/archives.ts'
import { createTestDatabase } from '../support/database.ts'
import { testKeys } from '../support/gatehouse.ts'
import { runProgram } from '../support/run-program.ts'
import { fillTwoMonths, openLog, sealingKey } from '../support/sealed-log.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>
let log: ReturnType<typeof openLog>
let head: { sequence: number; hash: string }

beforeAll(async () => {
  database = await createTestDatabase()
  log = openLog(database.url)
  await fillTwoMonths(log)
  const [row] = await log.sql`SELECT sequence::int, encode(hash, 'hex') AS hash FROM audit_head`
  head = row as unknown as typeof head
})
afterAll(async () => {
  await log.close()
  await database.drop()
})

const printed = (key: typeof sealingKey): string =>
  key.publicKey.export({ type: 'spki', format: 'der' }).toString('base64url')
const publicKey = printed(sealingKey)

const run = (args: readonly string[], environment: Record<string, string>) =>
  runProgram('cli/gatehouse.ts', ['verify-audit', ...args], { environment })
const online = (...args: string[]) => run(args, { DATABASE_URL: database.url, GATEHOUSE_KEYS: testKeys })

/** Without triggers, and rolled back to what it was in the end. */
const tampered = async (doing: string, undoing: string, meanwhile: () => Promise<void>): Promise<void> => {
  await log.sql`SET session_replication_role = replica`
  await log.sql.unsafe(doing)
  await meanwhile().finally(() => log.sql.unsafe(undoing))
}

test('an intact log is said to be so, with its head and the key to check it by elsewhere', async () => {
  const { code, stdout, stderr } = await online()
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain('is intact: 7 events')
  expect(stdout).toContain(`Head ${head.sequence}:${head.hash}\n`)
  expect(stdout).toContain(`Public key ${publicKey}\n`)
  expect((await online('--head', `${head.sequence}:${head.hash}`)).code).toBe(0)
})

test('H7: an altered event is named, and the code is 1', async () => {
  const [event] = await log.sql`SELECT event_id AS id FROM audit_links WHERE sequence = 3`
  const change = (to: string) => `UPDATE security_events SET outcome = '${to}' WHERE id = '${event?.id}'`
  await tampered(change('DENIED'), change('SUCCESS'), async () => {
    const { code, stdout } = await online()
    expect(code).toBe(1)
    expect(stdout).toContain('BROKEN: An event is not as it was sealed.')
    expect(stdout).toContain(event?.id)
    expect(stdout).toContain('2 events before that are intact')
  })
})

test('H7: with a head noted down a cut and another log are told', async () => {
  const cut = await online('--head', `${head.sequence + 1}:${head.hash}`)
  expect([cut.code, cut.stdout]).toEqual([1, expect.stringContaining('ends before a head that was seen earlier')])
  const other = await online('--head', `2:${head.hash}`)
  expect([other.code, other.stdout]).toEqual([1, expect.stringContaining('not the one whose head was seen earlier')])
})

test('the public key alone is enough, and signatures of another key count for nothing', async () => {
  const withKey = (key: string) => run(['--public-key', key], { DATABASE_URL: database.url })
  expect((await withKey(publicKey)).code).toBe(0)
  const [foreign] = auditKeysOf([{ id: 'other', secret: Buffer.alloc(32, 8) }])
  const { code, stdout } = await withKey(printed(foreign))
  expect([code, stdout]).toEqual([1, expect.stringContaining('not as a known key signed it')])
})

test('--from and --to narrow it', async () => {
  const { code, stdout } = await online('--from', '2000-01-01T00:00:00Z', '--to', '2100-01-01T00:00:00+02:00')
  expect([code, stdout]).toEqual([0, expect.stringContaining('7 events')])
  expect((await online('--from', new Date().toISOString())).stdout).toContain('intact: 0 events')
})

test.each([
  [['--from', 'yesterday'], '--from must be a time'],
  [['--to', '2026-01-01'], '--to must be a time'],
  [['--from', '2026-02-01T00:00:00Z', '--to', '2026-01-01T00:00:00Z'], '--to must not be before --from'],
  [['--head', '1:abc'], '--head must be SEQUENCE:HASH'],
  [['--public-key', 'abc'], '--public-key must be a key'],
  [['--form'], 'Did you mean --from?'],
  [['a.jsonl.gz'], '"a.jsonl.gz" is no option'],
  [['--files', 'a.jsonl.gz', '--from', '2026-02-01T00:00:00Z'], 'files are checked whole'],
  [['--files', 'a.txt'], 'a.txt is no file such as'],
])('%j is wrong usage, and what is wrong is said', async (args, message) => {
  vi.stubEnv('GATEHOUSE_KEYS', testKeys)
  const problem = await verifyAudit.run(args, () => database.url).catch((error) => error)
  vi.unstubAllEnvs()
  expect(problem.message).toContain(message)
  expect(problem instanceof UsageError || problem.code.startsWith('ERR_PARSE_ARGS')).toBe(true)
})

test('without keys it exits 2, without a database too', async () => {
  for (const environment of [{ DATABASE_URL: database.url }, { GATEHOUSE_KEYS: testKeys }]) {
    const { code, stdout, stderr } = await run([], environment)
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining('is missing')])
  }
})

test('files need no database: intact is 0, broken is 1 and says which and where', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-archives-'))
  try {
    const paths = await writeArchives(log.sql, folder)
    const whole = await run(['--files', ...paths, '--public-key', publicKey], {})
    expect([whole.code, whole.stderr]).toEqual([0, ''])
    expect(whole.stdout).toContain(`Head ${head.sequence}:${head.hash}`)
    const [path = ''] = paths
    await writeFile(
      path,
      gzipSync(
        gunzipSync(await readFile(path))
          .toString()
          .replace('LOGGED_OUT', 'LOGIN_FAILED'),
      ),
    )
    const { code, stdout } = await run(['--files', ...paths], { GATEHOUSE_KEYS: testKeys })
    expect([code, stdout]).toEqual([1, expect.stringContaining(`${basename(path)} is BROKEN`)])
    expect(stdout).toContain('0 events before that are intact')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
