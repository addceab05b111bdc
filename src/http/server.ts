import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP, isIPv4 } from 'node:net'
import type { ApolloServer } from '@apollo/server'
import { fastifyApolloHandler } from '@as-integrations/fastify'
import helmet from '@fastify/helmet'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type onSendHookHandler,
} from 'fastify'
import ipaddr from 'ipaddr.js'
import { AppError } from '../failure.ts'
import type { CreateContext, GraphQLContext, Incoming } from '../graphql/context.ts'
import type { Logger } from '../lib/logger.ts'
import { factsOf, type RequestScope, runInScope, type Trace } from '../lib/request-scope.ts'
import type { AnswerCookies } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import { createOriginGate } from './origins.ts'
import { type Sockets, wantsSocket } from './sockets.ts'

const largestBodyBytes = 100_000
const longestUserAgent = 400
const slowMs = 1_000 // nothing that a user waits for takes so long, but on a fault
const logPauseMs = 1_000
const requestTimeoutMs = 10_000 // to receive one; a client that trickles its headers or body is cut off

export interface HttpServerDeps {
  readonly apollo: ApolloServer<GraphQLContext>
  readonly createContext: CreateContext
  readonly sockets: Sockets
  readonly trustedProxies: readonly string[]
  /** Origins whose pages may call. */
  readonly origins: ReadonlySet<string>
  readonly isProduction: boolean
  readonly log: Logger
  /** Is told of each answer: the path of its route, or `none`. */
  readonly observe?: (route: string, status: number) => void
  readonly beginTrace?: (headers: IncomingHttpHeaders, arrivedAt: number) => Trace | undefined
}

/**
 * The web server with `/graphql` on it. Only POST with JSON executes anything, and sockets for subscriptions; in development
 * GET shows Apollo Sandbox.
 */
export const createHttpServer = async ({
  apollo,
  createContext,
  sockets,
  trustedProxies,
  origins,
  isProduction,
  log,
  observe = () => {},
  beginTrace = () => undefined,
}: HttpServerDeps): Promise<FastifyInstance> => {
  const server = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: largestBodyBytes,
    requestTimeout: requestTimeoutMs,
    http: {
      connectionsCheckingInterval: 1_000,
      headersTimeout: requestTimeoutMs,
      shouldUpgradeCallback: wantsSocket,
    },
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    genReqId: () => randomUUID(),
    childLoggerFactory: (logger) => logger, // log lines name the request themselves
    frameworkErrors: (problem, _request, reply: FastifyReply) =>
      void reply.code(400).send(badRequestBody(problem.message)),
    return503OnClosing: true,
    forceCloseConnections: 'idle',
  })
  server.removeContentTypeParser('text/plain') // JSON read from text/plain is what cross-site forms send
  const headers = await securityHeaders(isProduction)
  server.addHook('onRequest', async (request, reply) => {
    reply.headers(headers).header('x-request-id', request.id).header('cache-control', 'no-store')
  })
  let isClosing = false
  let silentUntil = 0
  server.addHook('preClose', async () => {
    isClosing = true
    await sockets.close()
  })
  server.addHook('onSend', async (_request, reply) => {
    if (isClosing) reply.header('connection', 'close') // or a client that keeps its connection open keeps the server up
  })
  server.addHook('onResponse', async (request, reply) => {
    const { scope, id: requestId, method } = request
    const { statusCode: status, elapsedTime: ms } = reply
    const route = request.routeOptions.url
    observe(route ?? 'none', status)
    const facts = { ...(scope ? factsOf(scope) : { requestId }), method, route, status, ms }
    if (status >= 500) log.warn(facts, 'a request was not answered')
    else if (ms > slowMs && Date.now() >= silentUntil) {
      silentUntil = Date.now() + logPauseMs // a server that is slow has no time to say so of each
      log.warn(facts, 'a request was slow')
    } else log.debug(facts, 'request')
    if (!scope) return
    scope.isOver = true
    scope.trace?.end(status)
  })
  server.setNotFoundHandler((_request, reply) => reply.code(404).send(errorBody('NOT_FOUND')))
  server.setErrorHandler((problem: { statusCode?: number; message: string }, request, reply) => {
    const status = problem.statusCode ?? 500
    if (status < 500) return reply.code(status).send(badRequestBody(problem.message))
    log.error({ err: problem, requestId: request.id }, 'a request failed')
    return reply.code(500).send(errorBody('INTERNAL_SERVER_ERROR', { requestId: request.id }))
  })

  const handler = fastifyApolloHandler(apollo, {
    context: (request: FastifyRequest) => {
      request.answerCookies = { setCookies: [] }
      return createContext(incomingOf(request, request.answerCookies))
    },
  })
  const answerOperation = (request: FastifyRequest, reply: FastifyReply) => {
    const arrivedAt = performance.now() - reply.elapsedTime
    const trace = beginTrace(request.headers, arrivedAt)
    request.scope = { requestId: request.id, arrivedAt, trace, isOver: false }
    return runInScope(request.scope, () => handler.call(server, request, reply))
  }
  server.decorateRequest('answerCookies', null)
  server.decorateRequest('scope', null)
  const { onRequest, answerPreflight } = createOriginGate({ origins, isProduction }, log)
  server.post('/graphql', { onRequest, onSend: sendCookies, preParsing: requirePlainJson }, answerOperation)
  server.options('/graphql', { onRequest }, answerPreflight)
  const showSandbox = (request: FastifyRequest, reply: FastifyReply) =>
    request.headers.accept?.includes('text/html')
      ? handler.call(server, request, reply)
      : reply
          .code(405)
          .header('allow', 'POST')
          .send(badRequestBody('Send the operation as POST with content-type application/json.'))
  server.get(
    '/graphql',
    {
      onRequest(request, reply, done) {
        if (sockets.isUpgrade(request)) onRequest.call(server, request, reply, done)
        else done()
      },
    },
    (request, reply) => {
      if (sockets.isUpgrade(request)) return sockets.upgrade(request, reply, socketIncomingOf(request))
      return isProduction ? reply.callNotFound() : showSandbox(request, reply)
    },
  )
  if (!isProduction) server.get('/', (_request, reply) => reply.redirect('/graphql'))
  sockets.attachTo(server)
  return server
}

/** Helmet's headers, which are the same for every response and so asked for once: they cost it a sixth of a request. */
const securityHeaders = async (isProduction: boolean): Promise<Record<string, string>> => {
  const probe = Fastify()
  // The one page there is loads Apollo Sandbox from its makers' servers, in development only.
  const options = { contentSecurityPolicy: isProduction, hsts: isProduction, crossOriginEmbedderPolicy: false }
  await probe.register(helmet, options)
  probe.get('/', async (_request, reply) => reply.code(204).send())
  const { headers } = await probe.inject('/')
  await probe.close()
  const ofEachResponse = ['date', 'connection', 'content-length']
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (ofEachResponse.includes(name) ? [] : [[name, String(value)]])),
  )
}

/** Bytes in another encoding would be read as something that they are not. */
const requirePlainJson = async ({ headers }: FastifyRequest): Promise<void> => {
  const charset = /;\s*charset="?([^;"\s]+)/i.exec(headers['content-type'] ?? '')?.[1] ?? 'utf-8'
  const encoding = headers['content-encoding'] ?? 'identity'
  if (/^utf-?8$/i.test(charset) && encoding === 'identity') return
  throw Object.assign(new Error('Send JSON in UTF-8, uncompressed.'), { statusCode: 415 })
}

declare module 'fastify' {
  interface FastifyRequest {
    answerCookies: AnswerCookies | null
    /** Of an operation. */
    scope: RequestScope | null
  }
}

const sendCookies: onSendHookHandler = ({ answerCookies }, reply, payload, done) => {
  if (answerCookies && answerCookies.setCookies.length > 0) reply.header('set-cookie', answerCookies.setCookies)
  done(null, payload)
}

/** Nothing of it leads back to the request: graphql-js keeps what executes for some time, and would keep that too. */
const incomingOf = (request: FastifyRequest, answer: AnswerCookies): Incoming => ({
  authorization: request.headers.authorization,
  cookie: request.headers.cookie,
  answer,
  client: clientOf(request),
  requestId: request.id,
})

/** Cookies come along with whatever page opens a socket: they count only where the origin of the page was checked. */
const socketIncomingOf = (request: FastifyRequest): Incoming => {
  const incoming = incomingOf(request, { setCookies: [] })
  return request.headers.origin === undefined ? { ...incoming, cookie: undefined } : incoming
}

/** The address as one text however it is spelt: IPv4 inside IPv6 is IPv4. The peer's own where a proxy says nonsense. */
const clientOf = ({ ip, headers, socket }: FastifyRequest): ClientInfo => ({
  ipAddress: isIPv4(ip) ? ip : ipaddr.process(isIP(ip) ? ip : (socket.remoteAddress ?? '::')).toString(),
  userAgent: (headers['user-agent'] ?? '').slice(0, longestUserAgent),
})

const errorBody = (code: 'NOT_FOUND' | 'INTERNAL_SERVER_ERROR', extra = {}) => ({
  errors: [{ message: new AppError(code).message, extensions: { code, ...extra } }],
})

const badRequestBody = (message: string) => ({
  errors: [{ message, extensions: { code: 'BAD_USER_INPUT', fields: [] } }],
})
