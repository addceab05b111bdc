import { loginCall, type SeededUser } from './seed.ts'
import type { Server } from './server.ts'

interface LoginAnswer {
  readonly data?: { readonly login?: { readonly sessionToken?: string } | null } | null
}

/** Signs each user in as a client would, and returns their session tokens in the same order. */
export const signInAll = ({ port }: Server, users: readonly SeededUser[]): Promise<string[]> =>
  Promise.all(
    users.map(async (account, user) => {
      const { query, variables } = loginCall(account, user)
      const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
      })
      const { data } = (await response.json()) as LoginAnswer
      if (!data?.login?.sessionToken) throw new Error(`A user could not sign in: HTTP ${response.status}`)
      return data.login.sessionToken
    }),
  )
