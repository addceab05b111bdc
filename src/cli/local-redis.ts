import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { delimiter, join, resolve } from 'node:path'
import { installRedis } from './install-redis.ts'
import { type LocalService, type LocalServiceOptions, startServer } from './local-service.ts'

/**
 * Starts a Redis of our own for development and tests: on 127.0.0.1 only, with a random password. Installs one where it
 * may; where none can be had it says what is lost and resolves to null. Throws when another process runs one there.
 */
export const startLocalRedis = async ({
  durable = true,
  ...options
}: LocalServiceOptions): Promise<LocalService | null> => {
  const program = findRedisServer() ?? ((await installRedis(options.say)) ? findRedisServer() : undefined)
  if (program === undefined) {
    options.say(
      'NO REDIS: there is no redis-server or valkey-server on the PATH. Everything works, but each session check ' +
        'reads PostgreSQL.',
    )
    return null
  }
  const directory = resolve(options.directory)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const password = randomBytes(24).toString('base64url')
  const { port, stop } = await startServer('Redis', { ...options, directory }, async (port) => ({
    command: program,
    args: ['-'],
    stdin: redisSettings({ port, password, directory, durable }),
    isReady: () => answersPing(port, password),
  }))
  return { url: `redis://:${password}@127.0.0.1:${port}`, stop }
}

/** The path of redis-server or valkey-server, whichever comes first. */
export const findRedisServer = (): string | undefined =>
  ['redis-server', 'valkey-server']
    .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name)))
    .find((path) => existsSync(path))

/** Settings to hand over on stdin, where no other user can read the password, as he could in the arguments. */
export const redisSettings = (of: { port: number; password: string; directory: string; durable: boolean }): string =>
  [
    'bind 127.0.0.1',
    `port ${of.port}`,
    `requirepass ${of.password}`,
    `dir ${JSON.stringify(of.directory)}`,
    'save ""',
    `appendonly ${of.durable ? 'yes' : 'no'}`,
  ].join('\n')

/** Whether a Redis with this password listens on the port and has loaded its data. */
export const answersPing = (port: number, password: string): Promise<boolean> =>
  new Promise((done) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(`AUTH ${password}\r\nPING\r\nQUIT\r\n`))
    socket.setTimeout(1_000, () => socket.destroy())
    socket.on('data', (data) => {
      answer += data
    })
    socket.on('error', () => undefined)
    socket.on('close', () => done(answer.includes('+PONG')))
  })
