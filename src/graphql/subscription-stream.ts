import { createSourceEventStream, type ExecutionResult, execute, GraphQLError, type GraphQLSchema } from 'graphql'
import type { FollowEvents, LiveEvent } from '../audit/live-events-service.ts'
import { AppError } from '../failure.ts'
import type { SessionRecord } from '../sessions/session-store.ts'
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

/** One look at the record is good for what was read from the log before it, and so long: a backlog asks twenty times a second. */
const longestLookMs = 50

/** The one that outlives the session, to tell of its end. */
const farewell = 'sessionEnded'

/**
 * Makes the answers of a subscription. Who subscribes is read from the record when it starts and again for each event, by the
 * id of the session, and the guard asked with that, on a look that is never older than the event; each event has loaders of its
 * own. Throws the failure that ends it.
 */
export const createSubscriptionStream = ({ schema, contextOf, standing, followEvents }: SubscriptionStreamDeps) => {
  const recordOf = async ({ caller, end }: Connection, field: string) => {
    const last = end() ?? (await standing(caller.session.id))
    if (field === farewell && 'reason' in last) return last
    if ('reason' in last) throw new AppError('SESSION_ENDED', { reason: last.reason })
    if (last.kind === 'unknown') throw new AppError('UNAUTHENTICATED')
    return last
  }

  const contextOfRecord = (record: SessionRecord, connection: Connection, signal: AbortSignal): SocketContext => {
    const { session, account } = record
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
    const starting = contextOfRecord(await recordOf(connection, field), connection, signal)
    const source = await createSourceEventStream({ ...args, contextValue: starting })
    if (!(Symbol.asyncIterator in source)) throw source.errors?.[0] ?? new GraphQLError('No stream')
    let lookedAt = 0
    let record: SessionRecord | undefined
    for await (const value of source) {
      const { readAt = Number.POSITIVE_INFINITY } = value as Partial<LiveEvent>
      if (!record || lookedAt < readAt || performance.now() - lookedAt > longestLookMs) {
        lookedAt = performance.now()
        record = await recordOf(connection, field)
      }
      const contextValue = contextOfRecord(record, connection, signal)
      const result = await execute({ ...args, rootValue: value, contextValue })
      if (!result.data) throw result.errors?.[0] ?? new GraphQLError('No data')
      if (connection.end() && field !== farewell) return // while it was made
      yield result
    }
  }
}

async function* endingOf({ onEnd }: Connection, signal: AbortSignal) {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<SessionEnd | null>()
  signal.addEventListener('abort', () => resolve(null))
  const leave = onEnd(resolve)
  const end = await promise
  leave()
  if (end) yield end.session
}
