import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import type { TestProject } from 'vitest/node'
import { claimFile, claimFolder } from '../../src/cli/folder-claim.ts'
import { startLocalPostgres } from '../../src/cli/local-postgres.ts'
import { startLocalRedis } from '../../src/cli/local-redis.ts'
import { migrate } from '../../src/db/migrate.ts'
import { build } from './build.ts'
import { testRole } from './database.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Database `postgres` of the run's server, as its superuser. */
    postgresUrl: string
    redisUrl: string
  }
}

const prefix = 'gatehouse-test-'
const memory = '/dev/shm'
const roomNeeded = 4 * 2 ** 30

/** Where services keep their data: in memory where there is room, as a database is copied twenty times as cheaply there. */
const dataDirectory = async (): Promise<string> => {
  const room = await statfs(memory).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  )
  return room > roomNeeded ? memory : tmpdir()
}

/** Starts the one PostgreSQL and the one Redis of a test run, and makes the database that tests get copies of. */
export default async (project: TestProject) => {
  const data = await dataDirectory()
  await removeKilledRuns(data)
  const folders: string[] = []
  const services: { stop(): Promise<void> }[] = []
  const tearDown = async () => {
    await Promise.all(services.map((service) => service.stop()))
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })))
  }
  const options = async (name: string) => {
    const directory = await mkdtemp(join(data, `${prefix}${name}-`))
    folders.push(directory)
    return { directory, durable: false, say: (text: string) => console.info(text) }
  }

  try {
    const building = build()
    const database = await startLocalPostgres(await options('postgres'))
    services.push(database)
    const redis = await startLocalRedis(await options('redis'))
    if (redis === null) throw new Error('The tests need redis-server or valkey-server on the PATH.')
    services.push(redis)

    await Promise.all([building, makeTemplate(database.url)])
    project.provide('postgresUrl', database.url)
    project.provide('redisUrl', redis.url)
    return tearDown
  } catch (error) {
    await tearDown()
    throw error
  }
}

/** A run that was killed by SIGKILL left its servers running. Folders of live runs refuse to be claimed. */
const removeKilledRuns = async (data: string) => {
  for (const name of await readdir(data)) {
    const folder = join(data, name)
    if (!name.startsWith(prefix) || !existsSync(join(folder, claimFile))) continue
    await claimFolder('test server', folder, console.info).then(
      () => rm(folder, { recursive: true, force: true }),
      () => undefined,
    )
  }
}

/** Closed to connections once it is whole: PostgreSQL can't copy a database that someone is connected to. */
const makeTemplate = async (serverUrl: string) => {
  const server = postgres(serverUrl, { max: 1 })
  try {
    await server`CREATE DATABASE gatehouse_template`
    const template = new URL(serverUrl)
    template.pathname = '/gatehouse_template'
    await migrate(template.href)
    await server.unsafe(
      `CREATE ROLE ${testRole} LOGIN PASSWORD '${testRole}' IN ROLE gatehouse_app, gatehouse_archiver`,
    )
    await server`ALTER DATABASE gatehouse_template WITH ALLOW_CONNECTIONS false`
  } finally {
    await server.end()
  }
}
