import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startLocalPostgres } from '../src/cli/local-postgres.ts'
import { startLocalRedis } from '../src/cli/local-redis.ts'
import { migrate } from '../src/db/migrate.ts'
import { audit } from './audit.ts'
import { eventPages } from './event-pages.ts'
import { frozenRedis } from './frozen-redis.ts'
import { limit } from './limit.ts'
import { liveEvents } from './live-events.ts'
import { lockout } from './lockout.ts'
import { revocation } from './revocation.ts'
import { sessionCheck } from './session-check.ts'
import { signIn } from './sign-in.ts'
import { sizing } from './sizing.ts'
import { startMailSink } from './support/mail-sink.ts'
import { type Benchmark, table } from './support/report.ts'
import { userPages } from './user-pages.ts'
import { verifyAudit } from './verify-audit.ts'
import { verifyMfa } from './verify-mfa.ts'

// `npm run bench -- [name …]`: measures the build against the bars of its design. Figures, not verdicts: it fails only
// where it can't measure.

const benchmarks: Readonly<Record<string, Benchmark>> = {
  'session-check': sessionCheck,
  'sign-in': signIn,
  'verify-mfa': verifyMfa,
  lockout,
  revocation,
  'live-events': liveEvents,
  limit,
  'frozen-redis': frozenRedis,
  audit,
  sizing,
  'verify-audit': verifyAudit,
  'event-pages': eventPages,
  'user-pages': userPages,
}

const say = (text: string): void => console.log(text)
const root = fileURLToPath(new URL('..', import.meta.url))

/** What is to be stopped and removed in the end, the newest first. */
const undo: (() => Promise<unknown>)[] = []

const build = async (): Promise<void> => {
  say('Building …')
  const compiler = fileURLToPath(import.meta.resolve('typescript/package.json')).replace('package.json', 'bin/tsc')
  await promisify(execFile)(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: root })
}

const temporaryFolder = async (name: string): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), `gatehouse-bench-${name}-`))
  undo.push(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const measure = async (names: readonly string[]): Promise<void> => {
  await build()
  say('Starting PostgreSQL and Redis …')
  const postgres = await startLocalPostgres({ directory: await temporaryFolder('postgres'), durable: true, say })
  undo.push(postgres.stop)
  const redis = await startLocalRedis({ directory: await temporaryFolder('redis'), durable: true, say })
  if (!redis) throw new Error('The benchmarks need redis-server or valkey-server on the PATH.')
  undo.push(redis.stop)
  const mail = await startMailSink()
  undo.push(mail.stop)
  await migrate(postgres.url)

  const environment = { databaseUrl: postgres.url, redisUrl: redis.url, smtpUrl: mail.url, say }
  const results: string[] = []
  for (const name of names) {
    const figures = await (benchmarks[name] as Benchmark)(environment)
    results.push(`${name}\n${table(figures)}`)
  }
  say(`\n${results.join('\n\n')}\n
Medians, with the least and the most of the rounds in brackets. Ratios are taken round by round. The load generator,
PostgreSQL (fsync on), Redis and the servers shared the ${availableParallelism()} cores of this machine, so read the ratios.`)
}

const names = process.argv.slice(2)
const unknown = names.filter((name) => !Object.hasOwn(benchmarks, name))
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}. There are ${Object.keys(benchmarks).join(', ')}.`)
  process.exit(2)
}

for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => process.exit(130)) // the services end with this process
try {
  await measure(names.length > 0 ? names : Object.keys(benchmarks))
} catch (problem) {
  console.error(problem)
  process.exitCode = 1
} finally {
  for (const step of undo.reverse()) await step()
}
