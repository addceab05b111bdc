import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { answersPing, findRedisServer, redisSettings } from '../../src/cli/local-redis.ts'
import { freePort } from '../../src/cli/local-service.ts'

const password = 'only-for-this-test'

/** Starts a Redis that a test may freeze and kill. `restart` brings it back empty, at the same address. */
export const startRedisServer = async () => {
  const port = await freePort()
  let server = await launch(port)
  const end = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return
    server.kill('SIGKILL') // reaches a frozen process too
    await once(server, 'exit')
  }
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    /** From here on it accepts connections and answers nothing. */
    freeze: () => void server.kill('SIGSTOP'),
    thaw: () => void server.kill('SIGCONT'),
    kill: end,
    restart: async () => {
      await end()
      server = await launch(port)
    },
    stop: end,
  }
}

const launch = async (port: number): Promise<ChildProcess> => {
  const program = findRedisServer()
  if (program === undefined) throw new Error('The tests need redis-server or valkey-server on the PATH.')
  const server = spawn(program, ['-'], { stdio: ['pipe', 'ignore', 'ignore'] })
  server.stdin.end(redisSettings({ port, password, directory: tmpdir(), durable: false }))
  const killAtExit = () => server.kill('SIGKILL')
  process.once('exit', killAtExit)
  server.once('exit', () => process.off('exit', killAtExit))
  while (!(await answersPing(port, password))) {
    if (server.exitCode !== null) throw new Error(`redis-server ended with ${server.exitCode} on port ${port}`)
    await wait(10)
  }
  return server
}
