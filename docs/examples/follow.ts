import { type ApolloClient, CombinedGraphQLErrors } from '@apollo/client'
import { type EventFieldsFragment, HistoryDocument, OwnEventsDocument } from './documents.generated'

const [shortestPauseMs, longestPauseMs] = [1_000, 30_000]

/** Calls back with each event from now on, once and in order, however often the socket is lost. Rejects when refused. */
export const follow = async (
  client: ApolloClient,
  signal: AbortSignal,
  onEvent: (event: EventFieldsFragment) => void,
): Promise<void> => {
  const { data } = await client.query({ query: HistoryDocument, variables: { first: 1 }, fetchPolicy: 'no-cache' })
  let after = data?.securityEvents.edges[0]?.node.id ?? null
  let pauseMs = shortestPauseMs
  const untilLost = () => {
    const over = new AbortController()
    return new Promise<void>((lost, refused) => {
      const subscription = client.subscribe({ query: OwnEventsDocument, variables: { after } }).subscribe({
        next: ({ data, error }) => {
          if (CombinedGraphQLErrors.is(error)) return refused(error)
          if (!data) return lost()
          after = data.securityEvents.id
          pauseMs = shortestPauseMs
          onEvent(data.securityEvents)
        },
        error: refused,
        complete: lost,
      })
      const stop = () => {
        subscription.unsubscribe()
        lost()
      }
      signal.addEventListener('abort', stop, { signal: over.signal })
    }).finally(() => over.abort())
  }
  while (!signal.aborted) {
    await untilLost()
    await new Promise((resolve) => setTimeout(resolve, pauseMs * (1 + Math.random())))
    pauseMs = Math.min(2 * pauseMs, longestPauseMs)
  }
}
