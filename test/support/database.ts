import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { inject } from 'vitest'

/** What servers of tests connect as, with the rights that they have in production. */
export const testRole = 'gatehouse_test'

/** The same database, as servers reach it. */
export const asServer = (databaseUrl: string): string => {
  const url = new URL(databaseUrl)
  url.username = testRole
  url.password = testRole
  return url.href
}

/** Makes an empty, migrated database that only the caller knows, and returns its superuser's URL. `drop` also ends connections that are still open. */
export const createTestDatabase = async (): Promise<{ readonly url: string; drop(): Promise<void> }> => {
  const name = `test_${randomBytes(8).toString('hex')}`
  await onServer(`CREATE DATABASE ${name} TEMPLATE gatehouse_template STRATEGY FILE_COPY`)
  const url = new URL(inject('postgresUrl'))
  url.pathname = `/${name}`
  return { url: url.href, drop: () => onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

/**
 * Copies a database as it is now, while servers are connected. `restore` puts the copy in its place, as dropdb and pg_restore would;
 * connections break as they do when PostgreSQL goes down.
 */
export const backUpDatabase = async (url: string): Promise<{ restore(): Promise<void> }> => {
  const name = new URL(url).pathname.slice(1)
  const backup = `${name}_backup`
  const alone = async (...statements: string[]) => {
    const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`
    for (const statement of [`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`, end, ...statements])
      await onServer(statement)
    await onServer(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
  }
  await alone(`CREATE DATABASE ${backup} TEMPLATE ${name} STRATEGY FILE_COPY`)
  return { restore: () => alone(`DROP DATABASE ${name}`, `ALTER DATABASE ${backup} RENAME TO ${name}`) }
}

const onServer = async (statement: string) => {
  const server = postgres(inject('postgresUrl'), { max: 1, onnotice: () => undefined })
  try {
    await server.unsafe(statement)
  } finally {
    await server.end()
  }
}
