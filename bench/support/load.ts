import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

export interface Load {
  readonly port: number
  readonly connections: number
  /** The next request of a connection, as it goes over the wire; null when there is nothing left to ask. */
  readonly next: (connection: number) => string | null
  /** Asks nothing new after this time. */
  readonly seconds?: number
  /** At most so many requests in all, evenly spaced; without it each connection asks again at once. */
  readonly mostPerSecond?: number
  /** Takes every answer's body, refusals too; without it, the first answer that is not a success ends the load. */
  readonly onAnswer?: (body: string) => void
}

export interface LoadResult {
  /** From writing a request to having read its response, in order of completion. */
  readonly latenciesMs: readonly number[]
  readonly perSecond: number
}

/**
 * Keeps each connection busy with one request at a time. Written on sockets, for it shares the machine with the server:
 * a client library costs more than what it measures. Rejects at the first answer that is not a success, unless
 * `onAnswer` takes them all.
 */
export const runLoad = async (load: Load): Promise<LoadResult> => {
  const { port, connections, next, seconds = Number.POSITIVE_INFINITY, mostPerSecond = Number.POSITIVE_INFINITY } = load
  const latenciesMs: number[] = []
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)))
  const startedAt = performance.now()
  const deadline = startedAt + seconds * 1000
  try {
    await Promise.all(
      sockets.map(async (socket, connection) => {
        const pauseMs = (connections / mostPerSecond) * 1000
        await wait((connection / connections) * pauseMs)
        const ask = () => (performance.now() < deadline ? next(connection) : null)
        await converse(socket, { ask, latenciesMs, pauseMs, onAnswer: load.onAnswer })
      }),
    )
    return { latenciesMs, perSecond: (latenciesMs.length / (performance.now() - startedAt)) * 1000 }
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}

const open = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.once('error', reject)
  })

interface Conversation {
  readonly ask: () => string | null
  readonly latenciesMs: number[]
  readonly pauseMs: number
  readonly onAnswer: Load['onAnswer']
}

const converse = (socket: Socket, { ask, latenciesMs, pauseMs, onAnswer }: Conversation): Promise<void> =>
  new Promise((resolve, reject) => {
    let received = ''
    let askedAt = 0
    const askNext = (): void => {
      const request = ask()
      received = ''
      askedAt = performance.now()
      if (request === null) resolve()
      else socket.write(request)
    }
    socket.setEncoding('latin1') // a character a byte, as content-length counts
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('The server closed a connection')))
    socket.on('data', (chunk: string) => {
      received += chunk
      const headEnd = received.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(received)?.[1])
      if (received.length < headEnd + 4 + length) return
      const now = performance.now()
      latenciesMs.push(now - askedAt)
      const isSuccess = received.startsWith('HTTP/1.1 200 ') && length > 0 && !received.includes('"errors"', headEnd)
      onAnswer?.(received.slice(headEnd + 4))
      if (!isSuccess && !onAnswer) reject(new Error(`Not a success: ${received}`))
      else if (askedAt + pauseMs <= now) askNext()
      else setTimeout(askNext, askedAt + pauseMs - now)
    })
    askNext()
  })

export interface Call {
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>>
  /** The user's number: each user calls from an address of their own, which a trusted proxy reports. */
  readonly user: number
  readonly sessionToken?: string
}

/** A GraphQL request over HTTP/1.1, keep-alive, as it goes over the wire. */
export const requestText = ({ query, variables, user, sessionToken }: Call): string => {
  const body = JSON.stringify({ query, variables })
  return [
    'POST /graphql HTTP/1.1',
    'host: 127.0.0.1',
    'user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
    `x-forwarded-for: 10.${(user >> 16) & 255}.${(user >> 8) & 255}.${user & 255}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...(sessionToken ? [`authorization: Bearer ${sessionToken}`] : []),
    '',
    body,
  ].join('\r\n')
}
