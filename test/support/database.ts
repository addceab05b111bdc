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

const onServer = async (statement: string) => {
  const server = postgres(inject('postgresUrl'), { max: 1, onnotice: () => undefined })
  try {
    await server.unsafe(statement)
  } finally {
    await server.end()
  }
}
