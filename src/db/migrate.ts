import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import postgres, { type Sql } from 'postgres'
import { withDeadline } from '../lib/deadline.ts'

const migrationsFolder = fileURLToPath(new URL('../../drizzle', import.meta.url))
const migrationLock = 7_203_114 // any constant: of all who start at once one migrates, and the others wait
const askAgainMs = 250
const longestWaitMs = 10 * 60_000
const checkDeadlineMs = 5_000
const lockTimeoutMs = 5_000 // whoever wants the table waits behind a change that waits; no transaction of a server lasts so long

export interface MigrationWatch {
  /** Called once, where another one is migrating. */
  readonly onWaiting?: () => void
  readonly longestWaitMs?: number
}

/**
 * Brings the database at `url` to the newest schema, all of it or nothing in one transaction. Safe to run again, and on several
 * machines at once. Rejects where another one is at it for too long.
 */
export const migrate = async (url: string, watch: MigrationWatch = {}): Promise<void> => {
  const client = postgres(url, {
    max: 1,
    connect_timeout: 5,
    onnotice: () => {},
    connection: { application_name: 'gatehouse migrate', lock_timeout: lockTimeoutMs },
  })
  try {
    await takeTurn(client, watch)
    await applyMigrations(drizzle(client), { migrationsFolder })
  } finally {
    await client.end({ timeout: 5 })
  }
}

/** Holds the lock for as long as the connection lasts: whoever is killed lets the next one in. */
const takeTurn = async (client: Sql, { onWaiting, longestWaitMs: most = longestWaitMs }: MigrationWatch) => {
  const startedAt = performance.now()
  for (let isTold = false; ; await wait(askAgainMs)) {
    const asked = client`select pg_try_advisory_lock(${migrationLock}) as is_ours`
    if ((await withDeadline(asked, checkDeadlineMs, 'PostgreSQL'))[0]?.is_ours) return
    if (performance.now() - startedAt > most)
      throw new Error('another one is still migrating this database: try again later')
    if (!isTold) onWaiting?.()
    isTold = true
  }
}

export interface MigrationStatus {
  /** The names of those that the database has not, the next one first. */
  readonly pending: readonly string[]
  /** Whether the database has one that this version does not know: a newer version was here. */
  readonly isNewer: boolean
}

/** What this version knows and the database at `url` has. Rejects when it can't be reached. */
export const migrationStatus = async (url: string): Promise<MigrationStatus> => {
  const journal = JSON.parse(await readFile(join(migrationsFolder, 'meta/_journal.json'), 'utf8')) as {
    entries: { when: number; tag: string }[]
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
    return {
      pending: journal.entries.filter(({ when }) => when > applied).map(({ tag }) => tag),
      isNewer: applied > Math.max(...journal.entries.map(({ when }) => when)),
    }
  } finally {
    await client.end({ timeout: 0 })
  }
}

/** Whether the database at `url` has every migration that this version knows. Rejects when it can't be reached. */
export const isMigrated = async (url: string): Promise<boolean> => (await migrationStatus(url)).pending.length === 0

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
