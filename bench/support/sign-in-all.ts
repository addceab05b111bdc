import { loginCall, type SeededUser } from './seed.ts'
import type { Server } from './server.ts'

interface LoginAnswer {
  readonly data?: { readonly login?: { readonly sessionToken?: string } | null } | null
}

const atOnce = 64 // the server refuses what would wait for long

/** Signs each user in as a client would, and returns their session tokens in the same order. */
export const signInAll = async (server: Server, users: readonly SeededUser[]): Promise<string[]> => {
  const tokens: string[] = []
  for (let start = 0; start < users.length; start += atOnce) {
    const some = users.slice(start, start + atOnce)
    tokens.push(...(await Promise.all(some.map((account, index) => signIn(server, account, start + index)))))
  }
  return tokens
}

const signIn = async ({ port }: Server, account: SeededUser, user: number): Promise<string> => {
  const { query, variables } = loginCall(account, user)
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  const { data } = (await response.json()) as LoginAnswer
  if (!data?.login?.sessionToken) throw new Error(`A user could not sign in: HTTP ${response.status}`)
  return data.login.sessionToken
}
