import { ApolloLink } from '@apollo/client'
import { map } from 'rxjs'

/** Where a program keeps its tokens: a keychain, or memory. */
export interface Tokens {
  session: string | null
  device: string | null
}

/** Sends the session's token, and keeps whatever an answer replaces it with. Goes before the HttpLink. */
export const createBearerLink = (tokens: Tokens): ApolloLink =>
  new ApolloLink((operation, forward) => {
    const { session } = tokens
    if (session) operation.setContext({ headers: { authorization: `Bearer ${session}` } })
    return forward(operation).pipe(
      map((result) => {
        for (const answer of Object.values(result.data ?? {}) as { sessionToken?: string; deviceToken?: string }[]) {
          if (answer?.sessionToken) tokens.session = answer.sessionToken
          if (answer?.deviceToken) tokens.device = answer.deviceToken
        }
        return result
      }),
    )
  })
