import { createSourceEventStream, type ExecutionResult, execute, GraphQLError, type GraphQLSchema } from 'graphql'
import type { FollowEvents } from '../audit/live-events-service.ts'
import { AppError } from '../failure.ts'
import type { SessionEnd, SessionWatch } from '../sessions/session-watch-service.ts'
import type { ContextOf, SocketContext } from './context.ts'
import type { Connection } from './socket-connection.ts'
import type { ReadySubscription } from './subscription-request.ts'

export interface SubscriptionStreamDeps {
  readonly schema: GraphQLSchema
  readonly contextOf: ContextOf
  readonly standing: SessionWatch['standing']
  readonly followEvents: FollowEvents
}

/** The one that outlives the session, to tell of its end. */
const farewell = 'sessionEnded'

/**
 * Makes the answers of a subscription. Who subscribes is read from the record when it starts and again for each event, by the
 * id of the session, and the guard asked with that; each event has loaders of its own. Throws the failure that ends it.
 */
export const createSubscriptionStream = ({ schema, contextOf, standing, followEvents }: SubscriptionStreamDeps) => {
  const recordOf = async ({ caller, end }: Connection, field: string) => {
    const last = end() ?? (await standing(caller.session.id))
    if (field === farewell && 'reason' in last) return last
    if ('reason' in last) throw new AppError('SESSION_ENDED', { reason: last.reason })
    if (last.kind === 'unknown') throw new AppError('UNAUTHENTICATED')
    return last
  }

  const contextFor = async (connection: Connection, field: string, signal: AbortSignal): Promise<SocketContext> => {
    const { session, account } = await recordOf(connection, field)
    const { incoming, caller } = connection
    // Its getters are kept: loaders are made when they are first asked for.
    return Object.assign(contextOf({ kind: 'signedIn', session, account, token: caller.token }, incoming), {
      followEvents: (request: Parameters<SocketContext['followEvents']>[0]) => followEvents({ ...request, signal }),
      sessionEnding: () => endingOf(connection, signal),
    })
  }

  return async function* (
    { field, ...request }: ReadySubscription,
    connection: Connection,
    signal: AbortSignal,
  ): AsyncGenerator<ExecutionResult> {
    const args = { schema, ...request }
    const source = await createSourceEventStream({ ...args, contextValue: await contextFor(connection, field, signal) })
    if (!(Symbol.asyncIterator in source)) throw source.errors?.[0] ?? new GraphQLError('No stream')
    for await (const event of source) {
      const contextValue = await contextFor(connection, field, signal)
      const result = await execute({ ...args, rootValue: event, contextValue })
      if (!result.data) throw result.errors?.[0] ?? new GraphQLError('No data')
      if (connection.end() && field !== farewell) return // while it was made
      yield result
    }
  }
}

async function* endingOf({ ended }: Connection, signal: AbortSignal) {
  if (signal.aborted) return
  const stopped = new Promise<null>((resolve) => signal.addEventListener('abort', () => resolve(null)))
  const end: SessionEnd | null = await Promise.race([ended, stopped])
  if (end) yield end.session
}
