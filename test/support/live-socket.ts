import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { print } from 'graphql'
import { WebSocket } from 'ws'
import { eventually, type Gatehouse } from './gatehouse.ts'

/** A message of graphql-transport-ws, as it came. */
export interface Frame {
  readonly type: string
  readonly id?: string
  readonly payload?: unknown
}

export interface Closing {
  readonly code: number
  readonly reason: string
}

/** A program that speaks graphql-transport-ws by hand, and shows each frame. */
export interface LiveSocket {
  readonly socket: WebSocket
  readonly frames: Frame[]
  /** Sends an object as JSON, and text or bytes as they are. */
  send(message: object | string | Buffer): void
  /** Subscribes under an id of its own. */
  subscribe<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Subscription<Data>
  /** Subscribes with any text. */
  subscribeText(query: string, variables?: object): Subscription<Record<string, unknown>>
  readonly closed: Promise<Closing>
  close(): void
}

export interface Subscription<Data> {
  readonly id: string
  /** What came so far. */
  data(): Data[]
  /** What ended it, or came with an answer. */
  errors(): { readonly extensions: Readonly<Record<string, unknown>> & { readonly code: string } }[]
  /** The codes of those errors. */
  codes(): string[]
  isOver(): boolean
}

const subprotocol = 'graphql-transport-ws'

export interface SocketOptions {
  readonly headers?: Record<string, string>
  readonly subprotocols?: string[]
  readonly path?: string
}

/** Opens a socket. Rejects with the status and body of the refusal where it is refused, as `401 {"errors":…`. */
export const openSocket = async (
  url: string,
  { headers = {}, subprotocols = [subprotocol], path = '/graphql' }: SocketOptions = {},
): Promise<LiveSocket> => {
  const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, subprotocols, { headers })
  const frames: Frame[] = []
  const { promise: closed, resolve: close } = Promise.withResolvers<Closing>()
  socket.on('message', (data) => frames.push(JSON.parse(String(data))))
  socket.on('close', (code, reason) => close({ code, reason: String(reason) }))
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.on('error', reject)
    socket.on('unexpected-response', async (_request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      reject(new Error(`${response.statusCode} ${Buffer.concat(chunks)}`))
    })
  })
  let subscriptions = 0
  const send = (message: object | string | Buffer): void =>
    socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message))
  const start = <Data>(payload: object): Subscription<Data> => {
    const id = String(++subscriptions)
    send({ id, type: 'subscribe', payload })
    const own = (type: string) => frames.filter((frame) => frame.id === id && frame.type === type)
    const errors = () =>
      [...own('error'), ...own('next')].flatMap(({ payload }) =>
        Array.isArray(payload) ? payload : ((payload as { errors?: [] }).errors ?? []),
      )
    return {
      id,
      data: () => own('next').flatMap(({ payload }) => (payload as { data?: Data }).data ?? []),
      errors,
      codes: () => errors().map(({ extensions }) => extensions.code),
      isOver: () => own('error').length + own('complete').length > 0,
    }
  }
  return {
    socket,
    frames,
    send,
    closed,
    subscribe: (document, variables) => start({ query: print(document), variables }),
    subscribeText: (query, variables) => start({ query, variables }),
    close: () => socket.close(),
  }
}

/** Opens a socket and introduces itself with a session's token; resolves once that is acknowledged. */
export const connect = async (url: string, token: string, options?: SocketOptions): Promise<LiveSocket> => {
  const live = await openSocket(url, options)
  live.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })
  await eventually(() => live.frames.some(({ type }) => type === 'connection_ack'))
  return live
}

/** The newest event of all: what is subscribed to behind it misses nothing from here on, whenever it starts. */
export const newestEvent = async ({ sql }: Pick<Gatehouse, 'sql'>, userId?: string): Promise<string> => {
  const [row] = await sql`
    SELECT id FROM security_events ${userId ? sql`WHERE user_id = ${userId}` : sql``} ORDER BY id DESC LIMIT 1`
  if (!row) throw new Error('Nothing has happened yet')
  return row.id
}
