import { readdir, readFile } from 'node:fs/promises'
import postgres from 'postgres'
import { expect, inject, test } from 'vitest'

const folder = new URL('../../drizzle/', import.meta.url)

const statementsOf = async (file: string): Promise<string[]> =>
  (await readFile(new URL(file, folder), 'utf8')).split('--> statement-breakpoint')

test('who had a second factor before accounts said so signs in with it after', async () => {
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

    for (const file of later) for (const text of await statementsOf(file)) await sql.unsafe(text)
    const rows = await sql`SELECT id, mfa_enabled FROM users`
    expect(Object.fromEntries(rows.map((row) => [row.id, row.mfa_enabled]))).toEqual({
      [enrolled]: true,
      [enrolling]: false,
      [without]: false,
    })
  } finally {
    await sql.end()
    await server.unsafe(`DROP DATABASE ${name} WITH (FORCE)`)
    await server.end()
  }
})
