import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { print } from 'graphql'

export interface GraphQLFailure {
  readonly message: string
  readonly path?: readonly (string | number)[]
  readonly extensions: { readonly code: string; readonly [key: string]: unknown }
}

export interface Answer<Data> {
  readonly status: number
  readonly headers: Headers
  /** The body as it came. */
  readonly text: string
  readonly data: Data | null | undefined
  readonly errors: readonly GraphQLFailure[] | undefined
}

/** A front-end program: sends operations over HTTP, with a session's token where it has one. */
export interface Client {
  /** Sends an operation and returns the answer, whatever it is. */
  send<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Answer<Data>>
  /** Sends an operation that must succeed and returns its data. */
  ask<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data>
  /** Sends an operation that must fail as a whole and returns its one error. */
  refused<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<GraphQLFailure>
  /** Sends any text as an operation. */
  sendText(query: string, variables?: Record<string, unknown>): Promise<Answer<Record<string, unknown>>>
  /** The same program with other headers. */
  with(headers: Record<string, string>): Client
}

/** A client of the server at `url`, for example `http://127.0.0.1:4000`. */
export const createClient = (
  url: string,
  token?: string | null,
  headers: Record<string, string> = {},
  request: (url: string, init: RequestInit) => Promise<Response> = fetch,
): Client => {
  const post = async <Data>(body: unknown): Promise<Answer<Data>> => {
    const response = await request(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }), ...headers },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    const { data, errors } = JSON.parse(text) as { data?: Data; errors?: GraphQLFailure[] }
    return { status: response.status, headers: response.headers, text, data, errors }
  }
  const client: Client = {
    send: (document, variables) => post({ query: print(document), variables }),
    async ask(document, variables) {
      const { data, errors } = await client.send(document, variables)
      if (errors || !data) throw new Error(`The operation failed: ${JSON.stringify(errors)}`)
      return data
    },
    async refused(document, variables) {
      const { errors, text } = await client.send(document, variables)
      if (errors?.length !== 1) throw new Error(`The operation did not fail as a whole: ${text}`)
      return errors[0] as GraphQLFailure
    },
    sendText: (query, variables) => post({ query, variables }),
    with: (more) => createClient(url, token, { ...headers, ...more }, request),
  }
  return client
}
