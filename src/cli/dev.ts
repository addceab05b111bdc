import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pretty from 'pino-pretty'
import { createApp } from '../app.ts'
import { ConfigError, readConfig, startProblem } from '../config.ts'
import { makeServerRole, migrate } from '../db/migrate.ts'
import { createLogger } from '../lib/logger.ts'
import { leaveEnvironment, localDirectory, seededAdministrator } from './local-environment.ts'
import { startLocalPostgres } from './local-postgres.ts'
import { startLocalRedis } from './local-redis.ts'
import { asOperator } from './operator.ts'

// `npm run dev`: Gatehouse with whatever it needs and was not given, on this machine, until Ctrl-C.

const say = (text: string): void => console.log(text)

/** Stops in the reverse order of starting: the server drains before its databases go. */
const started: (() => Promise<void>)[] = []
const stopAll = async (): Promise<void> => {
  for (const stop of started.splice(0).reverse()) await stop().catch((problem) => console.error(problem))
}

const keyRingOf = async (directory: string): Promise<string> => {
  const file = join(directory, 'keys')
  const known = await readFile(file, 'utf8').catch(() => '')
  if (known) return known
  const created = `dev:${randomBytes(32).toString('base64')}`
  await writeFile(file, created, { mode: 0o600, flag: 'wx' })
  return created
}

const seedAdministrator = (databaseUrl: string): Promise<void> =>
  asOperator(databaseUrl, async ({ hasAdministrator, provisionAccount }) => {
    if (await hasAdministrator()) return say('  Administrator  the one of the first start, or of create-admin')
    const password = randomBytes(15).toString('base64url')
    await provisionAccount(seededAdministrator, password, 'ADMIN')
    say(`  Administrator  ${seededAdministrator}\n  Password       ${password}   (printed this once)`)
  })

const asProblem = (problem: Error): never => {
  throw new ConfigError([problem.message])
}

const start = async (): Promise<void> => {
  const directory = localDirectory()
  await mkdir(directory, { recursive: true })
  const environment: NodeJS.ProcessEnv = { ...process.env, NODE_ENV: 'development' }
  environment.GATEHOUSE_KEYS ||= await keyRingOf(directory)
  readConfig({ ...environment, DATABASE_URL: environment.DATABASE_URL || 'postgres://to-be-started' }) // a mistake shows before anything is started
  const isGiven = Boolean(environment.DATABASE_URL)
  if (!isGiven) {
    say('Starting PostgreSQL …')
    const postgres = await startLocalPostgres({ directory: join(directory, 'postgres'), say }).catch(asProblem)
    started.push(postgres.stop)
    environment.DATABASE_URL = postgres.url
  }
  if (!environment.REDIS_URL) {
    say('Starting Redis …')
    const redis = await startLocalRedis({ directory: join(directory, 'redis'), say }).catch(asProblem)
    if (redis) {
      started.push(redis.stop)
      environment.REDIS_URL = redis.url
    }
  }
  say('Migrating …')
  await migrate(environment.DATABASE_URL as string)
  const takeBack = leaveEnvironment({
    NODE_ENV: 'development',
    DATABASE_URL: environment.DATABASE_URL as string,
    GATEHOUSE_KEYS: environment.GATEHOUSE_KEYS,
    ...(environment.REDIS_URL && { REDIS_URL: environment.REDIS_URL }),
  })
  started.push(async () => takeBack())
  if (!isGiven)
    environment.DATABASE_URL = await makeServerRole(
      environment.DATABASE_URL as string,
      'gatehouse_server',
      Boolean(environment.AUDIT_ARCHIVE_DIR),
    )
  const config = readConfig(environment)

  const log = createLogger(
    config.logLevel,
    pretty({ translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname', sync: true }),
  )
  const app = await createApp(config, log)
  started.push(app.close)
  if (config.metrics) await app.metricsServer?.listen(config.metrics)
  await app.server.listen({ port: config.port, host: config.host })
  const { port } = app.server.server.address() as { port: number }
  const base = `http://localhost:${port}`
  say(
    `\nGatehouse is ready.\n\n  GraphQL        ${base}/graphql   (Apollo Sandbox in a browser)\n  Outbox         ${base}/outbox    (the mail that would have been sent)`,
  )
  await seedAdministrator(config.databaseUrl)
  say(`  Data           ${directory}\n\nCtrl-C stops everything; the data stays.\n`)
}

let isStopping = false
const stop = async (exitCode: number): Promise<void> => {
  if (isStopping) return
  isStopping = true
  await stopAll()
  process.exit(exitCode)
}
process.on('SIGINT', () => {
  say('\nStopping …')
  stop(0)
})
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop(0))
const npm = process.ppid // it hands no SIGTERM on, and a server that outlives it keeps the port
setInterval(() => process.ppid === npm || stop(0), 1_000).unref()
process.on('unhandledRejection', (problem) => console.error(problem))

start().catch((problem) => {
  console.error(startProblem(problem))
  return stop(1)
})
