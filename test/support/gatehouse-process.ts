import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { inject } from 'vitest'
import { freePort } from '../../src/cli/local-service.ts'
import { startOf } from './build.ts'
import { type Client, createClient } from './client.ts'
import { eventually, testKeys } from './gatehouse.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Starts a server as a process of its own, as production runs it but for NODE_ENV, on a database that is there. */
export const startGatehouseProcess = async (databaseUrl: string, environment: Record<string, string> = {}) => {
  for (;;) {
    const server = await startOnPort(String(await freePort()), databaseUrl, environment)
    if (server) return server
  }
}

/** Null where another program took the port meanwhile. */
const startOnPort = async (port: string, databaseUrl: string, environment: Record<string, string>) => {
  const child: ChildProcess = spawn(process.execPath, startOf('main.ts'), {
    cwd: root,
    env: {
      ...process.env,
      NODE_ENV: 'development',
      DATABASE_URL: databaseUrl,
      REDIS_URL: inject('redisUrl'),
      GATEHOUSE_KEYS: testKeys,
      PORT: port,
      LOG_LEVEL: 'debug',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: string[] = []
  child.stdout?.on('data', (data) => output.push(String(data)))
  child.stderr?.on('data', (data) => output.push(String(data)))
  const exited = once(child, 'exit')
  const url = `http://127.0.0.1:${port}`
  const isReady = () => output.some((text) => text.includes('Gatehouse is ready'))
  await eventually(() => child.exitCode !== null || isReady())
  if (!isReady()) {
    if (output.join('').includes(`${port} is in use`)) return null
    throw new Error(`The server ended: ${output.join('')}`)
  }
  return {
    url,
    output,
    pid: child.pid as number,
    anonymous: createClient(url),
    clientWith: (token: string): Client => createClient(url, token),
    /** Sends a signal and resolves with the exit code, null when the signal itself ended it. Rejects when another did: it crashed. */
    async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
      child.kill(signal)
      const [code, by] = await exited
      if (code !== null || by === signal) return code
      throw new Error(`The server was ended by ${by}: ${output.slice(-20).join('')}`)
    },
  }
}
