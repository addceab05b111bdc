import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'

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
