import {
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
} from 'graphql'
import { CloseCode, type Context, MessageType, makeServer, type WebSocket } from 'graphql-ws'
import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { EventReport } from '../audit/security-event.ts'
import { AppError, failureIn } from '../failure.ts'
import type { Logger } from '../lib/logger.ts'
import type { Caller } from '../sessions/caller.ts'
import type { SessionWatch } from '../sessions/session-watch-service.ts'
import type { CreateContext, Incoming } from './context.ts'
import { formatError, logFaults, requestError, withoutSuggestion, withRequestId } from './errors.ts'
import { type Connection, createConnection } from './socket-connection.ts'
import { createSocketOperations, type SocketOperations } from './socket-operations.ts'
import { type ReadySubscription, readSubscription, type SubscriptionRequest } from './subscription-request.ts'
import type { createSubscriptionStream } from './subscription-stream.ts'

export interface SubscriptionsDeps {
  readonly schema: GraphQLSchema
  readonly createContext: CreateContext
  readonly watch: Pick<SessionWatch, 'watch' | 'countOf'>
  readonly stream: ReturnType<typeof createSubscriptionStream>
  readonly recordEvent: RecordEvent
  readonly log: Logger
}

/** A WebSocket under the protocol graphql-transport-ws, as the web server hands it over. */
export interface SubscriptionSocket extends WebSocket {
  readonly isOpen: () => boolean
  close(code: number, reason: string): void
  /** Closes it with the code that has clients come back and go on. */
  readonly closeToResume: (reason: string) => void
}

/** Serves one socket; what it returns is to be called once that is closed. */
export type ServeSocket = (
  socket: SubscriptionSocket,
  incoming: Incoming,
) => (code: number, reason: string) => Promise<void>

const initTimeoutMs = 3_000
const mostSocketsOfSession = 10
const mostSubscriptions = 20
const resumeReason = 'Try again, with the id of your last event as after'

interface Extra {
  readonly socket: SubscriptionSocket
  readonly incoming: Incoming
  readonly operations: SocketOperations
  connection?: Connection
  unwatch?: () => void
}

type SocketState = Context<Record<string, unknown> | undefined, Extra>

/** What a subscription carries from its request to its stream. */
interface Prepared extends ExecutionArgs {
  readonly contextValue: {
    readonly socket: SubscriptionSocket
    readonly connection: Connection
    readonly ready: ReadySubscription
  }
}

/**
 * Serves subscriptions, and nothing else, over graphql-transport-ws: to who has a live session, until that ends. Every failure
 * stays within its socket.
 */
export const createSubscriptions = (deps: SubscriptionsDeps): ServeSocket => {
  const { schema, createContext, watch, stream, recordEvent, log } = deps

  const present = (
    errors: readonly GraphQLError[],
    { incoming: { requestId } }: Pick<Extra, 'incoming'>,
  ): GraphQLFormattedError[] =>
    errors.map((error) => withRequestId(withoutSuggestion(formatError(error.toJSON(), error)), requestId))

  const record = (event: EventReport): Promise<void> =>
    recordEvent(event).catch((problem) => log.error({ err: problem }, 'a refusal could not be recorded'))

  const refuse = async ({ socket, incoming: { client } }: Extra, caller: Caller): Promise<false> => {
    if (caller.kind === 'undetermined') socket.closeToResume('SERVICE_DEGRADED')
    else socket.close(CloseCode.Unauthorized, caller.kind === 'ended' ? caller.reason : 'UNAUTHENTICATED')
    if (caller.kind !== 'undetermined') {
      const code = caller.kind === 'ended' ? 'SESSION_ENDED' : 'UNAUTHENTICATED'
      const details = { field: 'connection_init', code }
      await record({ type: 'ACCESS_DENIED', outcome: 'DENIED', userId: null, client, details })
    }
    return false
  }

  const refuseOneMore = async (extra: Extra, id: string): Promise<void> => {
    const { socket, connection, incoming } = extra
    if (!connection) return
    const payload = present([requestError(new AppError('RATE_LIMITED', { retryAfterSeconds: 1 }))], extra)
    await socket.send(JSON.stringify({ id, type: MessageType.Error, payload }))
    const { id: sessionId, userId } = connection.caller.session
    const details = { limit: 'subscriptions' }
    await record({ type: 'RATE_LIMITED', outcome: 'DENIED', userId, sessionId, client: incoming.client, details })
  }

  const connect = async ({ extra, connectionParams }: SocketState): Promise<boolean> => {
    const { socket, incoming } = extra
    const authorization = authorizationIn(connectionParams) ?? incoming.authorization
    const { caller } = await createContext({ ...incoming, authorization })
    if (!socket.isOpen()) return false
    if (caller.kind !== 'signedIn') return refuse(extra, caller)
    const { session, account } = caller
    if (watch.countOf(session.id) >= mostSocketsOfSession) {
      socket.close(CloseCode.TooManyInitialisationRequests, 'Too many sockets of this session')
      return false
    }
    const connection = createConnection(incoming, caller, (reason) => socket.close(CloseCode.Unauthorized, reason))
    extra.connection = connection
    extra.unwatch = watch.watch(session, account, connection.finish)
    return true
  }

  const prepare = ({ connection, socket }: Extra, request: SubscriptionRequest): Prepared => {
    if (!connection || !socket.isOpen()) throw requestError(new AppError('UNAUTHENTICATED'))
    const ready = readSubscription(schema, request)
    return { ...ready, schema, contextValue: { socket, connection, ready } }
  }

  /** What the stream throws ends the subscription with an error; where the client may go on behind its last event, the socket. */
  async function* answers({ socket, connection, ready }: Prepared['contextValue'], signal: AbortSignal) {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (ready.field === 'sessionEnded') connection.delayClose(promise)
    try {
      yield* stream(ready, connection, signal)
    } catch (problem) {
      const failure = failureIn(problem instanceof GraphQLError ? problem.originalError : problem)
      if (failure?.code === 'SERVICE_DEGRADED') socket.closeToResume(resumeReason)
      if (!failure && !(problem instanceof GraphQLError)) {
        // logFaults passes over it: graphql-ws wraps it in an error without a path.
        const { requestId } = connection.incoming
        log.error({ err: problem, requestId, operationName: ready.operationName }, 'a subscription failed')
      }
      throw problem
    } finally {
      resolve()
    }
  }

  const protocol = makeServer<Record<string, unknown> | undefined, Extra>({
    connectionInitWaitTimeout: initTimeoutMs,
    onConnect: connect,
    onSubscribe({ extra }, _id, request) {
      try {
        return prepare(extra, request)
      } catch (problem) {
        if (problem instanceof GraphQLError) return [problem]
        throw problem
      }
    },
    subscribe(args) {
      const { contextValue } = args as Prepared
      const stop = new AbortController()
      const results = answers(contextValue, stop.signal)
      const over = { done: true, value: undefined } as const
      const answering: AsyncIterableIterator<ExecutionResult> = {
        [Symbol.asyncIterator]: () => answering,
        // What was under way when the client completed it would be taken for an answer to the next of its id.
        next: () =>
          results.next().then(
            (result) => (stop.signal.aborted ? over : result),
            (problem) => (stop.signal.aborted ? over : Promise.reject(problem)),
          ),
        return() {
          stop.abort() // or it waits for the next event before it ends
          return results.return(undefined)
        },
      }
      return answering
    },
    onNext({ extra }, _id, _request, { operationName }, { errors, data = null }) {
      if (!errors) return undefined
      logFaults(log, errors, { requestId: extra.incoming.requestId, operationName })
      return { data, errors: present(errors, extra) }
    },
    onError({ extra }, id, { operationName }, errors) {
      extra.operations.end(id)
      // graphql-ws wraps what a stream threw.
      const thrown = errors.map((error) => (error.originalError instanceof GraphQLError ? error.originalError : error))
      logFaults(log, thrown, { requestId: extra.incoming.requestId, operationName })
      return present(thrown, extra)
    },
    onComplete: ({ extra }, id) => extra.operations.end(id),
    onClose: ({ extra }) => extra.unwatch?.(),
  })

  return (socket, incoming) => {
    const refuseMore = (id: string) => refuseOneMore(extra, id)
    const operations = createSocketOperations({ socket, refuse: refuseMore, most: mostSubscriptions })
    const extra: Extra = { socket, incoming, operations }
    return protocol.opened({ ...socket, onMessage: operations.onMessage }, extra) as ReturnType<ServeSocket>
  }
}

/** The Authorization among the parameters of connection_init, or among the headers in them, however it is spelt. */
const authorizationIn = (parameters: Readonly<Record<string, unknown>> | undefined): string | undefined => {
  const entries = [parameters, parameters?.headers].flatMap((level) => Object.entries(Object(level)))
  const found = entries.find(([name]) => name.toLowerCase() === 'authorization')?.[1]
  return typeof found === 'string' ? found : undefined
}
