import { readdir, readFile } from 'node:fs/promises'
import postgres from 'postgres'
import { v7 as uuidV7 } from 'uuid'
import { expect, inject, test } from 'vitest'
import { openDatabase } from '../../src/db/client.ts'
import { isMigrated, makeServerRole, migrate } from '../../src/db/migrate.ts'
import { expectCounted } from '../support/chain.ts'
import { eventually } from '../support/gatehouse.ts'
import { fillTwoMonths, openLog } from '../support/sealed-log.ts'

const folder = new URL('../../drizzle/', import.meta.url)

const statementsOf = async (file: string): Promise<string[]> =>
  (await readFile(new URL(file, folder), 'utf8')).split('--> statement-breakpoint')

test('who had a second factor before accounts said so signs in with it after, and older events are kept and will be sealed', async () => {
  const name = `upgrade_${process.pid}`
  const server = postgres(inject('postgresUrl'), { max: 1, onnotice: () => {} })
  await server.unsafe(`CREATE DATABASE ${name}`)
  const url = new URL(inject('postgresUrl'))
  url.pathname = `/${name}`
  const sql = postgres(url.href, { max: 1, onnotice: () => {} })
  try {
    const [initial, appendOnly, ...later] = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort()
    for (const file of [initial, appendOnly])
      for (const text of await statementsOf(String(file))) await sql.unsafe(text)
    const addUser = async (status: string | null) => {
      const [user] = await sql`
        INSERT INTO users (id, email, email_key, role, status, session_tag, created_at)
        SELECT id, id::text, id::text, 'USER', 'ACTIVE', id::text, now() FROM (SELECT gen_random_uuid() AS id) AS new
        RETURNING id`
      if (status)
        await sql`
          INSERT INTO mfa_configurations (id, user_id, method, label, status, sealed_secret, created_at)
          VALUES (gen_random_uuid(), ${user?.id}, 'TOTP', 'Phone', ${status}, '', now())`
      return user?.id
    }
    const [enrolled, enrolling, without] = [await addUser('ACTIVE'), await addUser('PENDING'), await addUser(null)]

    const [oldId, newId] = ['01800000-0000-7000-8000-000000000000', uuidV7()]
    await sql`
      INSERT INTO security_events (id, type, severity, outcome, occurred_at, personal_digest)
      SELECT id, 'LOGIN_FAILED', 'WARNING', 'FAILURE', now(), '' FROM unnest(${[newId, oldId]}::uuid[]) AS id`

    for (const file of later) for (const text of await statementsOf(file)) await sql.unsafe(text)
    const rows = await sql`SELECT id, mfa_enabled FROM users`
    expect(Object.fromEntries(rows.map((row) => [row.id, row.mfa_enabled]))).toEqual({
      [enrolled]: true,
      [enrolling]: false,
      [without]: false,
    })
    const events = await sql`SELECT e.id, tableoid::regclass::text AS partition FROM security_events e ORDER BY id`
    const monthOf = (at: Date) => at.toISOString().slice(0, 7).replace('-', '_')
    expect(events).toEqual([
      { id: oldId, partition: 'security_events_2022_04' },
      { id: newId, partition: `security_events_${monthOf(new Date())}` },
    ])
    expect((await sql`SELECT event_id FROM unsealed_security_events`).map(({ event_id }) => event_id).sort()).toEqual([
      oldId,
      newId,
    ])
  } finally {
    await sql.end()
    await server.unsafe(`DROP DATABASE ${name} WITH (FORCE)`)
    await server.end()
  }
})

test('events that were recorded before they were counted are counted after, also those that are being recorded meanwhile', async () => {
  const name = `counted_${process.pid}`
  const server = postgres(inject('postgresUrl'), { max: 1, onnotice: () => {} })
  await server.unsafe(`CREATE DATABASE ${name}`)
  const url = Object.assign(new URL(inject('postgresUrl')), { pathname: `/${name}` }).href
  const [log, writer] = [openLog(url), openLog(url)]
  const sql = postgres(url, { max: 2, onnotice: () => {} })
  try {
    const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort()
    const first = files.findIndex((file) => file.startsWith('0008'))
    for (const file of files.slice(0, first)) for (const text of await statementsOf(file)) await sql.unsafe(text)
    await fillTwoMonths(log)
    await log.record(3)
    await writer.sql`BEGIN`
    await writer.record(2)
    const migration = sql.begin(async (tx) => {
      for (const file of files.slice(first)) for (const text of await statementsOf(file)) await tx.unsafe(text)
    })
    const isWaiting = (statements: number) =>
      eventually(async () => {
        const waiting = await server`
          SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database WHERE NOT granted AND datname = ${name}`
        return waiting.length === statements
      })
    await isWaiting(1)
    const late = log.record(4)
    await isWaiting(2)
    await writer.sql`COMMIT`
    await Promise.all([migration, late])
    const [waiting] = await sql`
      SELECT count(*)::int AS all, count(event_hour)::int AS hours, count(event_type)::int AS types FROM unsealed_security_events`
    expect(waiting).toEqual({ all: 9, hours: 9, types: 9 })
    await log.seal()
    await expectCounted({ sql })
    expect((await sql`SELECT sum(count)::int AS counted FROM security_event_counts`)[0]?.counted).toBe(16)
  } finally {
    await Promise.all([log.close(), writer.close(), sql.end()])
    await server.unsafe(`DROP DATABASE ${name} WITH (FORCE)`)
    await server.end()
  }
})

test('an owner who is no superuser migrates; servers act as a role that reads the log and adds to it, and no more', async () => {
  const name = `owned_${process.pid}`
  const server = postgres(inject('postgresUrl'), { max: 1, onnotice: () => {} })
  await server.unsafe(`CREATE ROLE ${name} LOGIN CREATEROLE PASSWORD '${name}'`)
  await server.unsafe(`CREATE DATABASE ${name} OWNER ${name}`)
  const url = new URL(inject('postgresUrl'))
  Object.assign(url, { username: name, password: name, pathname: `/${name}` })
  await server.unsafe(`GRANT gatehouse_app, gatehouse_archiver TO ${name} WITH ADMIN OPTION`) // as whoever makes the role has it
  await migrate(url.href)
  const sql = postgres(await makeServerRole(url.href, `${name}_server`), { max: 1, onnotice: () => {} })
  const database = openDatabase(url.href)
  try {
    expect(await database.reading.execute('select current_user::text as role')).toEqual([{ role: 'gatehouse_app' }])
    expect(await isMigrated(url.href)).toBe(true)
    const refused = [
      'UPDATE security_events SET type = type',
      'DELETE FROM security_events',
      'TRUNCATE security_events',
      'DROP TABLE security_events',
      'UPDATE security_event_counts SET count = 0',
      'SELECT count_sealed_security_events()',
      "INSERT INTO audit_archives VALUES ('2020-01-01', 0, 1, 1, '', '', now(), '', '')",
      "SELECT drop_archived_security_events('2020-01-01')",
    ]
    for (const statement of refused)
      await expect(sql.unsafe(statement)).rejects.toThrow(/permission denied|must be owner/)
  } finally {
    await database.close()
    await sql.end()
    await server.unsafe(`DROP DATABASE ${name} WITH (FORCE)`)
    await server.unsafe(`DROP ROLE ${name}_server`)
    await server.unsafe(`DROP ROLE ${name}`)
    await server.end()
  }
})
