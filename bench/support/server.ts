import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Environment } from './report.ts'

export interface Server {
  readonly port: number
  readonly pid: number | undefined
  /** CPU time that its process used so far, all threads. The server hears `message` with the question. */
  cpuMs(message?: string): Promise<number>
  stop(): Promise<void>
}

/** The one key of every benchmark's server, so that benchmarks can seal and sign for it. */
export const masterKey = { id: 'bench', secret: Buffer.alloc(32, 7) }

type Settings = Record<string, string>

/** Starts the built Gatehouse as it runs in production, in a process of its own. */
export const startGatehouse = (environment: Omit<Environment, 'say'>, settings: Settings = {}): Promise<Server> =>
  start('gatehouse', { ...settingsOf(environment), ...settings })

/** Starts it so that what watches it can be switched off. */
export const startWatched = (environment: Omit<Environment, 'say'>): Promise<Server> =>
  start('watched', settingsOf(environment))

const settingsOf = ({ databaseUrl, redisUrl, smtpUrl }: Omit<Environment, 'say'>): Settings => ({
  DATABASE_URL: databaseUrl,
  REDIS_URL: redisUrl,
  GATEHOUSE_KEYS: `${masterKey.id}:${masterKey.secret.toString('base64')}`,
  PUBLIC_URL: 'http://localhost',
  TRUSTED_PROXIES: '127.0.0.1',
  SMTP_URL: smtpUrl,
  MAIL_FROM: 'bench@example.com',
  LOG_LEVEL: 'warn',
})

/** Starts the same web server with a constant for an answer. */
export const startBare = (): Promise<Server> => start('bare', {})

const start = async (name: 'gatehouse' | 'watched' | 'bare', settings: Settings): Promise<Server> => {
  const child = fork(fileURLToPath(new URL(`../servers/${name}.ts`, import.meta.url)), {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...settings },
    execArgv: process.execArgv.filter((flag) => flag.startsWith('--cpu-prof')), // Node runs these files as they are
  })
  const { port } = await reply<{ port: number }>(child)
  return {
    port,
    pid: child.pid,
    async cpuMs(message = 'cpu') {
      const answer = reply<NodeJS.CpuUsage>(child)
      child.send(message)
      const { user, system } = await answer
      return (user + system) / 1000
    },
    async stop() {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}

const reply = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve, reject) => {
    const fail = () => reject(new Error('A server of the benchmark ended'))
    child.once('exit', fail)
    child.once('message', (message) => {
      child.off('exit', fail)
      resolve(message as T)
    })
  })
