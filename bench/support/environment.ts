import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startLocalPostgres } from '../../src/cli/local-postgres.ts'
import { startLocalRedis } from '../../src/cli/local-redis.ts'
import { migrate } from '../../src/db/migrate.ts'
import { startMailSink } from './mail-sink.ts'
import type { Environment } from './report.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Builds Gatehouse, starts what it needs, runs `work` with that, and stops and removes all of it whatever happens. */
export const withEnvironment = async <T>(
  say: Environment['say'],
  work: (environment: Environment) => Promise<T>,
): Promise<T> => {
  const undo: (() => Promise<unknown>)[] = []
  const temporaryFolder = async (name: string): Promise<string> => {
    const folder = await mkdtemp(join(tmpdir(), `gatehouse-bench-${name}-`))
    undo.push(() => rm(folder, { recursive: true, force: true }))
    return folder
  }
  try {
    say('Building …')
    const compiler = fileURLToPath(import.meta.resolve('typescript/package.json')).replace('package.json', 'bin/tsc')
    await promisify(execFile)(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: root })
    say('Starting PostgreSQL and Redis …')
    const postgres = await startLocalPostgres({ directory: await temporaryFolder('postgres'), durable: true, say })
    undo.push(postgres.stop)
    const redis = await startLocalRedis({ directory: await temporaryFolder('redis'), durable: true, say })
    if (!redis) throw new Error('The benchmarks need redis-server or valkey-server on the PATH.')
    undo.push(redis.stop)
    const mail = await startMailSink()
    undo.push(mail.stop)
    await migrate(postgres.url)
    return await work({ databaseUrl: postgres.url, redisUrl: redis.url, smtpUrl: mail.url, say })
  } finally {
    for (const step of undo.reverse()) await step()
  }
}
