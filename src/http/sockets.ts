import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import type { ErrorCode } from '../failure.ts'
import type { Incoming } from '../graphql/context.ts'
import type { ServeSocket } from '../graphql/subscriptions.ts'
import type { Logger } from '../lib/logger.ts'
import { networkOf } from '../lib/network.ts'

export interface SocketsDeps {
  readonly serveSocket: ServeSocket
  /** How many one network may have open, those that have not said yet who they are among them. */
  readonly mostOfNetwork: number
  readonly log: Logger
}

const subprotocol = 'graphql-transport-ws'
const largestFrameBytes = 64 * 1024
const mostBufferedBytes = 1_000_000 // of a reader that does not read
const longestWriteMs = 5_000 // for the network to take anything of what waits: then nobody reads
const readsTooSlowly = 'You read too slowly: try again, with the id of your last event as after'
const pingIntervalMs = 12_000
const lookIntervalMs = 1_000
const closeTimeoutMs = 1_500 // a peer that does not answer the close is cut off

/** WebSocket close codes (RFC 6455 §7.4.1, and those that were registered since). */
const goingAway = 1001
const unsupportedData = 1003
const tryAgainLater = 1013 // graphql-ws and Apollo Client do
const internalError = 4500

interface Upgrade {
  readonly socket: Duplex
  readonly head: Buffer
  readonly response: ServerResponse
}

type Refusal = readonly [status: number, code: ErrorCode, message: string]

const refusals = {
  stopping: [503, 'SERVICE_DEGRADED', 'This server is stopping. Try again.'],
  subprotocol: [400, 'BAD_USER_INPUT', `Use the subprotocol ${subprotocol}.`],
  network: [429, 'RATE_LIMITED', 'Too many sockets are open from your network.'],
} satisfies Record<string, Refusal>

/** Whether a request is for a WebSocket here. Any other wish to upgrade is ignored, and the request answered as it stands. */
export const wantsSocket = ({ method, url, headers }: IncomingMessage): boolean =>
  method === 'GET' && /^\/graphql(?:\?|$)/.test(url ?? '') && headers.upgrade?.toLowerCase() === 'websocket'

/** The WebSockets of one server: their caps, their pulse and their end. */
export const createSockets = ({ serveSocket, mostOfNetwork, log }: SocketsDeps) => {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: largestFrameBytes,
    perMessageDeflate: false,
    handleProtocols: () => subprotocol,
    closeTimeout: closeTimeoutMs,
  } as ConstructorParameters<typeof WebSocketServer>[0])
  const upgrades = new WeakMap<IncomingMessage, Upgrade>()
  const ofNetwork = new Map<string, number>()
  const silent = new WeakSet<WebSocket>()
  /** When the network last took something of what is written to a socket, by performance.now(). */
  const takenAt = new Map<WebSocket, number>()
  let isClosing = false

  const refusalOf = ({ headers }: IncomingMessage, network: string): Refusal | undefined => {
    if (isClosing) return refusals.stopping
    const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim())
    if (!offered?.includes(subprotocol)) return refusals.subprotocol
    return (ofNetwork.get(network) ?? 0) >= mostOfNetwork ? refusals.network : undefined
  }

  const count = (network: string, change: 1 | -1): void => {
    const open = (ofNetwork.get(network) ?? 0) + change
    if (open > 0) ofNetwork.set(network, open)
    else ofNetwork.delete(network)
  }

  const closeToResume = (socket: WebSocket, reason: string, requestId?: string): void => {
    if (socket.readyState !== socket.OPEN) return
    log.info({ requestId, reason }, 'a socket is closed, for its subscriptions to be resumed')
    socket.close(tryAgainLater, reason)
  }

  const open = (socket: WebSocket, incoming: Incoming): void => {
    const { requestId } = incoming
    const fail = (problem: unknown): void => {
      log.error({ err: problem, requestId }, 'a socket failed')
      socket.close(internalError, 'Internal server error')
    }
    const isOpen = (): boolean => socket.readyState === socket.OPEN
    socket.on('error', () => {}) // its peer broke the protocol, and ws closes it
    socket.on('pong', () => silent.delete(socket))
    const closed = serveSocket(
      {
        protocol: socket.protocol,
        isOpen,
        close: (code, reason) => socket.close(code, reason),
        closeToResume: (reason) => closeToResume(socket, reason, requestId),
        send: (text) =>
          new Promise((resolve) => {
            if (!isOpen()) return resolve()
            if (socket.bufferedAmount > mostBufferedBytes) closeToResume(socket, readsTooSlowly, requestId)
            else {
              if (!takenAt.has(socket)) takenAt.set(socket, performance.now())
              socket.send(text, () => {
                if (socket.bufferedAmount > 0 && isOpen()) takenAt.set(socket, performance.now())
                else takenAt.delete(socket)
                resolve()
              })
            }
          }),
        onMessage: (take) =>
          socket.on('message', (data: RawData, isBinary: boolean) => {
            if (!isOpen()) return
            if (isBinary) socket.close(unsupportedData, 'Send text')
            else take(String(data)).catch(fail)
          }),
      },
      incoming,
    )
    socket.on('close', (code, reason) => {
      takenAt.delete(socket)
      closed(code, String(reason)).catch((problem) => log.error({ err: problem }, 'a socket could not be closed'))
    })
  }

  const look = setInterval(() => {
    for (const socket of server.clients) {
      const waitsSince = takenAt.get(socket) ?? Number.POSITIVE_INFINITY
      if (performance.now() - waitsSince > longestWriteMs) closeToResume(socket, readsTooSlowly)
    }
  }, lookIntervalMs)
  const pulse = setInterval(() => {
    for (const socket of server.clients) {
      if (silent.has(socket)) socket.terminate()
      else socket.ping()
      silent.add(socket)
    }
  }, pingIntervalMs)

  return {
    /** Has requests for a socket answered by the routes of a server, as any other. */
    attachTo(http: FastifyInstance): void {
      http.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        socket.on('error', () => socket.destroy())
        const response = new ServerResponse(request)
        response.shouldKeepAlive = false
        response.assignSocket(socket as never)
        response.on('finish', () => socket.end(() => socket.destroy()))
        upgrades.set(request, { socket, head, response })
        http.routing(request, response)
      })
    },

    /** How many are open. */
    count: (): number => server.clients.size,

    isUpgrade: ({ raw }: FastifyRequest): boolean => upgrades.has(raw),

    /** Answers what `isUpgrade` says is a request for a socket: with one, or with why not. */
    upgrade({ raw }: FastifyRequest, reply: FastifyReply, incoming: Incoming): void {
      const network = networkOf(incoming.client.ipAddress)
      const problem = refusalOf(raw, network)
      if (problem) {
        const [status, code, message] = problem
        reply.code(status).send({ errors: [{ message, extensions: { code } }] })
        return
      }
      const { socket, head, response } = upgrades.get(raw) as Upgrade
      reply.hijack()
      response.detachSocket(socket as never)
      count(network, 1)
      socket.once('close', () => count(network, -1))
      server.handleUpgrade(raw, socket, head, (accepted) => open(accepted, incoming))
    },

    /** Closes every socket with 1001: what follows a subscription goes on elsewhere, behind its last event. */
    async close(): Promise<void> {
      isClosing = true
      clearInterval(look)
      clearInterval(pulse)
      const gone = [...server.clients].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
      for (const socket of server.clients) socket.close(goingAway, 'This server is stopping')
      await Promise.all(gone)
    },
  }
}

export type Sockets = ReturnType<typeof createSockets>
