import { ApolloLink, HttpLink } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { OperationTypeNode } from 'graphql'
import { createClient } from 'graphql-ws'

/** Sends subscriptions over a WebSocket and the rest over HTTP, both with the cookie of the page. */
export const createPageLink = (url: string, onSignedOut: (reason: string | null) => void): ApolloLink => {
  const sockets = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    retryAttempts: 0, // it would repeat the first subscription; `follow` goes on behind the last event
    on: {
      closed: (event) => {
        const { code, reason } = event as CloseEvent
        if (code === 4401) onSignedOut(reason)
      },
    },
  })
  return ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(sockets),
    new HttpLink({ uri: `${url}/graphql`, credentials: 'include' }),
  )
}
