import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'
import { withDeadline } from '../lib/deadline.ts'

const migrationsFolder = fileURLToPath(new URL('../../drizzle', import.meta.url))
const migrationLock = 7_203_114 // any constant: two servers that start at once take turns

/** Brings the database at `url` to the newest schema. Safe to run again, and on several servers at once. */
export const migrate = async (url: string): Promise<void> => {
  const client = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} })
  try {
    await client`select pg_advisory_lock(${migrationLock})`
    await applyMigrations(drizzle(client), { migrationsFolder })
  } finally {
    await client.end({ timeout: 5 })
  }
}

const checkDeadlineMs = 5_000

/** Whether the database at `url` has every migration that this version knows. Rejects when it can't be reached. */
export const isMigrated = async (url: string): Promise<boolean> => {
  const journal = JSON.parse(await readFile(join(migrationsFolder, 'meta/_journal.json'), 'utf8')) as {
    entries: { when: number }[]
  }
  const client = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} })
  const newestApplied = async (): Promise<number> => {
    const [known] = await client`select to_regclass('drizzle.__drizzle_migrations') as table`
    if (!known?.table) return 0
    const [newest] = await client`select max(created_at) as at from drizzle.__drizzle_migrations`
    return Number(newest?.at)
  }
  try {
    const applied = await withDeadline(newestApplied(), checkDeadlineMs, 'PostgreSQL')
    return applied >= Math.max(...journal.entries.map(({ when }) => when))
  } finally {
    await client.end({ timeout: 0 })
  }
}

/** Makes a login role for servers, and for those that archive, or gives the one that is there a new password, and returns the URL with it. */
export const makeServerRole = async (
  ownerUrl: string,
  role = 'gatehouse_server',
  archives = false,
): Promise<string> => {
  const url = new URL(ownerUrl)
  url.username = role
  url.password = randomBytes(24).toString('base64url')
  const client = postgres(ownerUrl, { max: 1, connect_timeout: 5, onnotice: () => {} })
  try {
    const [known] = await client`select from pg_roles where rolname = ${role}`
    await client.unsafe(
      `${known ? 'alter' : 'create'} role ${role} login password '${url.password}'${known ? '' : ' in role gatehouse_app'}`,
    )
    if (archives) await client.unsafe(`grant gatehouse_archiver to ${role}`)
  } finally {
    await client.end({ timeout: 5 })
  }
  return url.href
}
