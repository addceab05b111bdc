import type { ApolloClient } from '@apollo/client'
import { RefreshSessionDocument } from './documents.generated'

const everyMs = 10 * 60_000

/** Replaces the session's token now and then, in one tab of all that share it. Returns how to stop. */
export const refreshNowAndThen = (client: ApolloClient): (() => void) => {
  const refresh = () => client.mutate({ mutation: RefreshSessionDocument }).catch(() => {}) // the error link knows
  const timer = setInterval(() => navigator.locks.request('gatehouse-refresh', { ifAvailable: true }, refresh), everyMs)
  return () => clearInterval(timer)
}
