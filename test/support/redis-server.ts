import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createClient, ErrorReply } from 'redis'
import { answersPing, findRedisServer, redisSettings } from '../../src/cli/local-redis.ts'
import { freePort } from '../../src/cli/local-service.ts'

/** The same for every server and sentinel that tests start. */
export const redisPassword = 'only-for-this-test'

export type RedisServerProcess = Awaited<ReturnType<typeof startRedisServer>>

export type SentinelProcess = Awaited<ReturnType<typeof startSentinel>>

interface RedisServerOptions {
  readonly port?: number
  /** Lines of redis.conf, beside those that every server gets. */
  readonly settings?: readonly string[]
}

/** Starts a Redis that a test may freeze and kill. `restart` brings it back empty, at the same address. */
export const startRedisServer = async ({ port: wanted, settings = [] }: RedisServerOptions = {}) => {
  const port = wanted ?? (await freePort())
  const directory = await mkdtemp(join(tmpdir(), 'gatehouse-redis-'))
  const lines = [
    redisSettings({ port, password: redisPassword, directory, durable: false }),
    `masterauth ${redisPassword}`,
    'repl-diskless-sync-delay 0',
    ...settings,
  ].join('\n')
  const launch = () => start(port, ['-'], lines)
  let server = await launch()
  const url = `redis://:${redisPassword}@127.0.0.1:${port}`
  return {
    url,
    port,
    ...signalsOf(() => server),
    restart: async () => {
      await end(server)
      server = await launch()
    },
    stop: async () => {
      await end(server)
      await rm(directory, { recursive: true, force: true })
    },
    /** Sends one command, and resolves with the answer. */
    ask: <T = unknown>(...command: string[]): Promise<T> => askServer(url, command),
    /** A field of INFO. */
    info: async (field: string): Promise<string | undefined> =>
      new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(await askServer<string>(url, ['INFO', 'everything']))?.[1],
  }
}

/** Starts a sentinel. Its settings are written to a file, which it changes by itself. */
export const startSentinel = async (settings: readonly string[]) => {
  const port = await freePort()
  const directory = await mkdtemp(join(tmpdir(), 'gatehouse-sentinel-'))
  const file = join(directory, 'sentinel.conf')
  const own = ['bind 127.0.0.1', `port ${port}`, `dir ${directory}`, `requirepass ${redisPassword}`]
  await writeFile(file, [...own, `sentinel sentinel-pass ${redisPassword}`, ...settings].join('\n'))
  const launch = () => start(port, [file, '--sentinel'])
  let server = await launch()
  return {
    port,
    ...signalsOf(() => server),
    restart: async () => {
      await end(server)
      server = await launch()
    },
    stop: async () => {
      await end(server)
      await rm(directory, { recursive: true, force: true })
    },
    ask: <T = unknown>(...command: string[]): Promise<T> =>
      askServer(`redis://:${redisPassword}@127.0.0.1:${port}`, command),
  }
}

/** A port such that a node of a cluster can have it: its bus is 10,000 above. */
export const freeClusterPort = async (): Promise<number> => {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000) // below those that systems give out by themselves
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })

/** Tries again once: whoever makes a server a replica ends its connections. */
const askServer = <T>(url: string, command: readonly string[]): Promise<T> =>
  askOnce<T>(url, command).catch((problem) => {
    if (problem instanceof ErrorReply) throw problem
    return askOnce<T>(url, command)
  })

const askOnce = async <T>(url: string, command: readonly string[]): Promise<T> => {
  const client = createClient({ url, RESP: 2, socket: { reconnectStrategy: false } })
  client.on('error', () => {})
  await client.connect()
  try {
    return await client.sendCommand<T & string>([...command])
  } finally {
    client.destroy()
  }
}

const signalsOf = (server: () => ChildProcess) => ({
  /** From here on it accepts connections and answers nothing. */
  freeze: () => void server().kill('SIGSTOP'),
  thaw: () => void server().kill('SIGCONT'),
  kill: () => end(server()),
  isRunning: () => server().exitCode === null && server().signalCode === null,
})

const end = async (server: ChildProcess) => {
  if (server.exitCode !== null || server.signalCode !== null) return
  server.kill('SIGKILL') // reaches a frozen process too
  await once(server, 'exit')
}

const start = async (port: number, args: readonly string[], stdin?: string): Promise<ChildProcess> => {
  const program = findRedisServer()
  if (program === undefined) throw new Error('The tests need redis-server or valkey-server on the PATH.')
  const server = spawn(program, args, { stdio: ['pipe', 'ignore', 'ignore'] })
  server.stdin.end(stdin)
  const killAtExit = () => server.kill('SIGKILL')
  process.once('exit', killAtExit)
  server.once('exit', () => process.off('exit', killAtExit))
  while (!(await answersPing(port, redisPassword))) {
    if (server.exitCode !== null) throw new Error(`redis-server ended with ${server.exitCode} on port ${port}`)
    await wait(10)
  }
  return server
}
