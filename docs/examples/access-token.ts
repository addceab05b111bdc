import type { ApolloClient } from '@apollo/client'
import { IssueAccessTokenDocument } from './documents.generated'

/** Calls another service as the signed-in user: with the access token at hand, or a new one. */
export const createServiceFetch = (client: ApolloClient, audience: string) => {
  let current: { token: string; expiresAt: string } | null = null
  const issue = async () => {
    const { data } = await client.mutate({ mutation: IssueAccessTokenDocument, variables: { audience } })
    current = data?.issueAccessToken ?? null
    return current?.token ?? ''
  }
  const isGood = () => current !== null && Date.parse(current.expiresAt) > Date.now() + 10_000
  const call = (url: string, init: RequestInit | undefined, token: string) =>
    fetch(url, { ...init, headers: { ...init?.headers, authorization: `Bearer ${token}` } })
  return async (url: string, init?: RequestInit): Promise<Response> => {
    const response = await call(url, init, isGood() ? (current?.token ?? '') : await issue())
    return response.status === 401 ? call(url, init, await issue()) : response
  }
}
