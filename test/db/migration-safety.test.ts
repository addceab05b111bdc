import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { migrate, migrationStatus } from '../../src/db/migrate.ts'
import { startOf } from '../support/build.ts'
import { eventually, testKeys } from '../support/gatehouse.ts'
import { startGatehouseProcess } from '../support/gatehouse-process.ts'
import { runProgram } from '../support/run-program.ts'

interface Journal {
  entries: { idx: number; when: number; tag: string }[]
}

const folder = fileURLToPath(new URL('../../drizzle', import.meta.url))
const firstRelease = 5 // the first migration that servers of a later version may meet

let journal: Journal
let released: Journal['entries']
beforeAll(async () => {
  journal = JSON.parse(await readFile(join(folder, 'meta/_journal.json'), 'utf8'))
  released = journal.entries.filter(({ idx }) => idx > firstRelease)
})

let server: postgres.Sql
let url: string
let sql: postgres.Sql
const name = `safety_${randomBytes(6).toString('hex')}`
beforeAll(() => {
  server = postgres(inject('postgresUrl'), { max: 1, onnotice: () => {} })
})
afterAll(() => server.end())
beforeEach(async () => {
  await server.unsafe(`CREATE DATABASE ${name}`)
  url = Object.assign(new URL(inject('postgresUrl')), { pathname: `/${name}` }).href
  sql = postgres(url, { max: 2, onnotice: () => {} })
})
afterEach(async () => {
  await sql.end()
  await server.unsafe(`DROP DATABASE ${name} WITH (FORCE)`)
})

/** Applies the migrations up to one of them, as the version did that had no more. */
const migrateTo = async (level: number): Promise<void> => {
  const copy = await mkdtemp(join(tmpdir(), 'gatehouse-migrations-'))
  try {
    await cp(folder, copy, { recursive: true })
    const entries = journal.entries.filter(({ idx }) => idx <= level)
    await writeFile(join(copy, 'meta/_journal.json'), JSON.stringify({ ...journal, entries }))
    const client = postgres(url, { max: 1, onnotice: () => {} })
    await applyMigrations(drizzle(client), { migrationsFolder: copy }).finally(() => client.end())
  } finally {
    await rm(copy, { recursive: true })
  }
}

test('migrations are numbered, each has its file, and a later one is of a later time: else a database that has it skips the other', async () => {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql'))
  expect(journal.entries.map(({ tag }) => `${tag}.sql`)).toEqual(files.toSorted())
  for (const { idx, tag } of journal.entries) expect(tag).toMatch(new RegExp(`^${String(idx).padStart(4, '0')}_`))
  const times = journal.entries.map(({ when }) => when)
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  expect(new Set(times).size).toBe(times.length)
})

/** What breaks a server of the version before, or keeps it waiting on a big table. */
const dangers: Readonly<Record<string, RegExp>> = {
  'drops something': /\bDROP\b/i,
  'renames something': /\bRENAME\b/i,
  'forbids null': /\bSET NOT NULL\b/i,
  'adds a column that the version before does not fill': /\bADD COLUMN\b(?=[^,;]*\bNOT NULL\b)(?![^,;]*\bDEFAULT\b)/i,
  'changes the type of a column': /\bALTER COLUMN\b[^,;]*\bTYPE\b/i,
  'checks every row under a lock': /\bADD CONSTRAINT\b(?!.*\bNOT VALID\b)/i,
  'keeps writers out while it reads the table': /\bCREATE (UNIQUE )?INDEX\b(?! CONCURRENTLY)/i,
  'locks or empties a table': /\b(LOCK TABLE|TRUNCATE)\b/i,
}

const dangersOf = (file: string): string[] => {
  const created = [...file.matchAll(/CREATE TABLE (?:IF NOT EXISTS )?"?(\w+)"?/gi)].map(([, table]) => table)
  return file.split('--> statement-breakpoint').flatMap((statement) => {
    if (/^-- Safe: \S/m.test(statement)) return []
    const code = statement.replace(/\$(\w*)\$.*?\$\1\$/gs, '').replace(/--.*$/gm, '')
    const [, table] = /\b(?:ALTER TABLE(?: ONLY)?|ON(?: ONLY)?)\s+(?:"?public"?\.)?"?(\w+)"?/i.exec(code) ?? []
    if (table && created.includes(table)) return [] // it has no rows, and the version before does not know it
    return Object.entries(dangers).flatMap(([what, pattern]) => (pattern.test(code) ? [`${what}: ${code.trim()}`] : []))
  })
}

test('no migration since the first release breaks a server of the version before, unless it says why it is safe', async () => {
  for (const { tag } of released) expect(dangersOf(await readFile(join(folder, `${tag}.sql`), 'utf8'))).toEqual([])
  expect(dangersOf('ALTER TABLE "users" ADD COLUMN "nick" text NOT NULL;')).toHaveLength(1)
  expect(dangersOf(`ALTER TABLE "users" ADD COLUMN "nick" text DEFAULT '' NOT NULL;`)).toEqual([])
  expect(dangersOf('CREATE INDEX "a" ON "users" ("id");')).toHaveLength(1)
  expect(dangersOf('-- Safe: a table of three rows\nCREATE INDEX "a" ON "mfa_policies" ("id");')).toEqual([])
})

test('every table that is new since then is granted to the role that servers have', async () => {
  await migrate(url)
  const closed = await sql`
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND NOT has_table_privilege('gatehouse_app', oid, 'SELECT')`
  expect(closed).toEqual([])
})

const columns = async () =>
  new Map(
    (
      await sql`SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity FROM information_schema.columns
        WHERE table_schema = 'public'`
    ).map((row) => [`${row.table_name}.${row.column_name}`, row]),
  )

test('each migration keeps every column and row of the level before, and asks no server of that level for more', async () => {
  await migrateTo(firstRelease)
  const [user] = await sql`
    INSERT INTO users (id, email, email_key, role, status, session_tag, created_at)
    VALUES (gen_random_uuid(), 'Ada@example.com', 'ada@example.com', 'USER', 'ACTIVE', 'tag', now()) RETURNING *`
  const [session] = await sql`
    INSERT INTO user_sessions (id, user_id, token_hash, created_at, last_seen_at, idle_expires_at, expires_at,
      authentication_methods, ip_address, user_agent)
    VALUES (gen_random_uuid(), ${user?.id}, 'hash', now(), now(), now(), now(), '{PASSWORD}', '127.0.0.1', 'test') RETURNING *`
  const [factor] = await sql`
    INSERT INTO mfa_configurations (id, user_id, method, label, status, sealed_secret, created_at)
    VALUES (gen_random_uuid(), ${user?.id}, 'TOTP', 'Phone', 'ACTIVE', 'k1:sealed', now()) RETURNING *`

  let before = await columns()
  for (const { idx } of released) {
    await migrateTo(idx)
    const after = await columns()
    const tables = new Set([...before.values()].map(({ table_name }) => table_name))
    for (const [column, known] of before) {
      const { data_type, is_nullable } = after.get(column) ?? {}
      expect([column, data_type, is_nullable]).toEqual([column, known.data_type, known.is_nullable])
    }
    for (const [column, { table_name, is_nullable, column_default, is_identity }] of after) {
      const isAsked = is_nullable === 'NO' && column_default === null && is_identity === 'NO'
      if (!before.has(column) && tables.has(table_name)) expect([column, isAsked]).toEqual([column, false])
    }
    before = after
  }
  expect((await sql`SELECT * FROM users`)[0]).toMatchObject(user ?? {})
  expect((await sql`SELECT * FROM user_sessions`)[0]).toMatchObject(session ?? {})
  expect((await sql`SELECT * FROM mfa_configurations`)[0]).toMatchObject(factor ?? {})
  expect((await migrationStatus(url)).pending).toEqual([])
})

test.each([
  ['an empty database', -1],
  ['one of the first release', firstRelease],
])('of five who migrate %s at once one does it, and the others wait', async (_what, level) => {
  if (level >= 0) await migrateTo(level)
  await Promise.all(Array.from({ length: 5 }, () => migrate(url)))
  const applied = await sql`SELECT hash FROM drizzle.__drizzle_migrations`
  expect(applied).toHaveLength(journal.entries.length)
  expect(new Set(applied.map(({ hash }) => hash)).size).toBe(applied.length)
})

test('who waits for another says so, and gives up after a time', async () => {
  const other = postgres(url, { max: 1 })
  await other`SELECT pg_advisory_lock(7203114)`
  let told = 0
  await expect(migrate(url, { onWaiting: () => told++, longestWaitMs: 600 })).rejects.toThrow(
    'another one is still migrating',
  )
  expect(told).toBe(1)
  await other.end()
  await migrate(url)
})

test('killed in the middle it leaves what was there, and the next one does all of it', async () => {
  await migrateTo(firstRelease)
  const held = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const hold = sql.begin(async (tx) => {
    await tx`LOCK TABLE drizzle.__drizzle_migrations IN SHARE MODE` // read before a migration, written after it
    held.resolve()
    await release.promise
  })
  await held.promise
  const victim = spawn(process.execPath, [...startOf('cli/gatehouse.ts'), 'migrate'], {
    env: { DATABASE_URL: url },
    stdio: 'ignore',
  })
  const exited = once(victim, 'exit')
  await eventually(
    async () =>
      (
        await sql`SELECT 1 FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = ${name})`
      ).length > 0,
  )
  victim.kill('SIGKILL')
  await exited
  release.resolve()
  await hold
  expect((await migrationStatus(url)).pending).toEqual(released.map(({ tag }) => tag))
  await migrate(url)
  expect((await migrationStatus(url)).pending).toEqual([])
})

test('a server that is newer than its database does not start, and says what to run', async () => {
  await migrateTo(firstRelease)
  const environment = { NODE_ENV: 'development', DATABASE_URL: url, GATEHOUSE_KEYS: testKeys }
  const [server, status] = await Promise.all([
    runProgram('main.ts', [], { environment }),
    runProgram('cli/gatehouse.ts', ['migrate', '--status'], { environment }),
  ])
  expect([server.code, server.stderr]).toEqual([1, expect.stringContaining('npm run gatehouse -- migrate')])
  expect([status.code, status.stdout]).toEqual([1, expect.stringContaining(`  ${released[0]?.tag}\n`)])
})

test('a server that is older than its database runs', async () => {
  await migrate(url)
  await sql`INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('of a later version', ${Date.now() * 2})`
  expect(await migrationStatus(url)).toEqual({ pending: [], isNewer: true })
  const running = await startGatehouseProcess(url)
  expect((await fetch(`${running.url}/readyz`)).status).toBe(200)
  expect(await running.end()).toBe(0)
})
