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
  /** Takes every answer, refusals too; without it, the first answer that is not a success ends the load. */
  readonly onAnswer?: (answer: Answer) => void
}

export interface Answer {
  readonly status: string
  readonly body: string
  /** HTTP 200, and no error in the body. */
  readonly isSuccess: boolean
  /** The number of the connection that it came over. */
  readonly connection: number
  /** When the request was written and the answer read, by performance.now(). */
  readonly askedAt: number
  readonly answeredAt: number
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
        await converse(socket, { connection, ask, latenciesMs, pauseMs, onAnswer: load.onAnswer })
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

export type Caller = Awaited<ReturnType<typeof openCaller>>

/** One open connection that asks when told to, one request at a time. */
export const openCaller = async (port: number) => {
  const socket = await open(port)
  let settle: { resolve: (read: Read) => void; reject: (problem: Error) => void } | undefined
  readAnswers(
    socket,
    (read) => settle?.resolve(read),
    (problem) => settle?.reject(problem),
  )
  return {
    async ask(request: string): Promise<Answer> {
      const askedAt = performance.now()
      const read = await new Promise<Read>((resolve, reject) => {
        settle = { resolve, reject }
        socket.write(request)
      })
      return { ...read, connection: 0, askedAt }
    },
    close: () => void socket.destroy(),
  }
}

interface Conversation {
  readonly connection: number
  readonly ask: () => string | null
  readonly latenciesMs: number[]
  readonly pauseMs: number
  readonly onAnswer: Load['onAnswer']
}

const converse = (socket: Socket, { connection, ask, latenciesMs, pauseMs, onAnswer }: Conversation): Promise<void> =>
  new Promise((resolve, reject) => {
    let askedAt = 0
    const askNext = (): void => {
      const request = ask()
      askedAt = performance.now()
      if (request === null) resolve()
      else socket.write(request)
    }
    const take = (read: Read): void => {
      latenciesMs.push(read.answeredAt - askedAt)
      onAnswer?.({ ...read, connection, askedAt })
      if (!read.isSuccess && !onAnswer) reject(new Error(`Not a success: HTTP ${read.status} ${read.body}`))
      else if (askedAt + pauseMs <= read.answeredAt) askNext()
      else setTimeout(askNext, askedAt + pauseMs - read.answeredAt)
    }
    readAnswers(socket, take, reject)
    askNext()
  })

type Read = Omit<Answer, 'connection' | 'askedAt'>

const readAnswers = (socket: Socket, take: (read: Read) => void, fail: (problem: Error) => void): void => {
  let received = ''
  socket.setEncoding('latin1') // a character a byte, as content-length counts
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('The server closed a connection')))
  socket.on('data', (chunk: string) => {
    received += chunk
    const headEnd = received.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(received)?.[1])
    if (received.length < headEnd + 4 + length) return
    const answeredAt = performance.now()
    const status = received.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)
    const body = received.slice(headEnd + 4)
    received = ''
    take({ status, body, isSuccess: status === '200' && length > 0 && !body.includes('"errors"'), answeredAt })
  })
}

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
