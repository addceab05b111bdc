import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { createClient } from 'redis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startLocalPostgres } from '../../src/cli/local-postgres.ts'
import { startLocalRedis } from '../../src/cli/local-redis.ts'
import type { LocalService } from '../../src/cli/local-service.ts'

const services = [
  {
    name: 'PostgreSQL',
    module: 'local-postgres.ts',
    start: startLocalPostgres,
    write: (url: string) => onPostgres(url, (sql) => sql`CREATE TABLE kept AS SELECT 'still here' AS text`),
    read: (url: string) => onPostgres(url, async (sql) => (await sql`SELECT text FROM kept`)[0]?.text),
  },
  {
    name: 'Redis',
    module: 'local-redis.ts',
    start: startLocalRedis,
    write: (url: string) => onRedis(url, (redis) => redis.set('kept', 'still here')),
    read: (url: string) => onRedis(url, (redis) => redis.get('kept')),
  },
]

describe.each(services)('$name', ({ name, module, start, write, read }) => {
  let directory: string
  let running: LocalService[] = []

  const startHere = async (say: (text: string) => void = () => undefined) => {
    const service = await start({ directory, say })
    if (service === null) throw new Error(`No ${name} on this machine`)
    running.push(service)
    return service
  }

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'gatehouse-local-'))
  })

  afterEach(async () => {
    await Promise.all(running.map((service) => service.stop()))
    running = []
    await rm(directory, { recursive: true })
  })

  test('what was written is there after a stop and a second start', async () => {
    const first = await startHere()
    await write(first.url)
    await first.stop()
    expect(await read((await startHere()).url)).toBe('still here')
  })

  test('a second start in a folder that is in use is refused and names the folder', async () => {
    await startHere()
    await expect(startHere()).rejects.toThrow(`${name} in ${directory} is in use by process ${process.pid}`)
  })

  test('of two starts at once in one folder one runs and the other is refused', async () => {
    const results = await Promise.allSettled([startHere(), startHere()])
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test('a server whose owner was killed is stopped, and its data served again', async () => {
    const owner = await startInOtherProcess(start.name, module, directory)
    await write(owner.url)
    const orphan = await serverPid(directory)
    owner.kill()
    await once(owner.process, 'exit')
    expect(commandOf(orphan)).not.toBe('')

    const said: string[] = []
    const service = await startHere((text) => said.push(text))
    expect(commandOf(orphan)).toBe('')
    expect(said).toContain(`Stopping the ${name} that a killed process left behind in ${directory}`)
    expect(await read(service.url)).toBe('still here')
  })

  test('its process is gone when stop resolves, and a second stop is no error', async () => {
    const service = await startHere()
    const pid = await serverPid(directory)
    expect(commandOf(pid)).not.toBe('')
    await service.stop()
    await service.stop()
    expect(commandOf(pid)).toBe('')
  })

  test('it has a session of its own, so that Ctrl-C in the terminal does not reach it', async () => {
    await startHere()
    const pid = await serverPid(directory)
    expect(execFileSync('ps', ['-o', 'sess=', '-p', String(pid)], { encoding: 'utf8' }).trim()).toBe(String(pid))
  })

  test('its password is asked for, and stands in no list of processes and no file that others can read', async () => {
    const service = await startHere()
    const wrong = new URL(service.url)
    const { password } = wrong
    wrong.password = 'wrong'
    await expect(read(wrong.href)).rejects.toThrow(/password/i)
    expect(commandOf(await serverPid(directory))).not.toContain(password)
    expect((await stat(directory)).mode & 0o077).toBe(0)
  })
})

const onPostgres = async <T>(url: string, work: (sql: postgres.Sql) => PromiseLike<T>): Promise<T> => {
  const sql = postgres(url, { max: 1 })
  try {
    return await work(sql)
  } finally {
    await sql.end()
  }
}

const redisClient = (url: string) => createClient({ url })

const onRedis = async <T>(url: string, work: (redis: ReturnType<typeof redisClient>) => Promise<T>): Promise<T> => {
  const redis = redisClient(url)
  try {
    await redis.connect()
    return await work(redis)
  } finally {
    redis.destroy()
  }
}

const startInOtherProcess = async (start: string, module: string, directory: string) => {
  const file = new URL(`../../src/cli/${module}`, import.meta.url).href
  const script = `
    const { ${start}: start } = await import(${JSON.stringify(file)})
    const { url } = await start({ directory: ${JSON.stringify(directory)}, say: () => undefined })
    console.log(url)
    setInterval(() => undefined, 1_000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [url] = await once(child.stdout, 'data')
  return { url: String(url).trim(), process: child, kill: () => child.kill('SIGKILL') }
}

const serverPid = async (directory: string): Promise<number> =>
  JSON.parse(await readFile(join(directory, 'owner.json'), 'utf8')).server.pid

/** The command line of a process; empty when it is gone or a zombie. */
const commandOf = (pid: number): string => {
  try {
    const [state, ...command] = execFileSync('ps', ['-o', 'stat=,args=', '-p', String(pid)], {
      encoding: 'utf8',
    }).split(' ')
    return state?.startsWith('Z') ? '' : command.join(' ')
  } catch {
    return ''
  }
}
