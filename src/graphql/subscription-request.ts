import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  OperationTypeNode,
  parse,
} from 'graphql'
import { badInput } from '../failure.ts'
import { requestError } from './errors.ts'
import { mostTokens } from './limits.ts'
import { documentFailure, variablesFailure } from './validation.ts'

/** What a client sends to subscribe. */
export interface SubscriptionRequest {
  readonly query: string
  readonly operationName?: string | null | undefined
  readonly variables?: Record<string, unknown> | null | undefined
}

/** A subscription that may start, as far as its text tells. */
export interface ReadySubscription {
  readonly document: DocumentNode
  readonly operationName: string | undefined
  readonly variableValues: Record<string, unknown>
  /** The one field that it selects of the root. */
  readonly field: string
}

/** Reads a request under the limits that HTTP has. Throws a GraphQLError for what must not start, queries and mutations too. */
export const readSubscription = (schema: GraphQLSchema, request: SubscriptionRequest): ReadySubscription => {
  const { query, operationName, variables } = request
  const document = parsed(query)
  const failure = documentFailure(schema, document)
  if (failure) throw failure
  const operation = getOperationAST(document, operationName)
  if (!operation) throw refused('The document has no operation of this name.', 'OPERATION_RESOLUTION_FAILURE')
  if (operation.operation !== OperationTypeNode.SUBSCRIPTION) {
    throw requestError(badInput('query', 'must be a subscription: queries and mutations go over HTTP'))
  }
  const wrong = variablesFailure(schema, operation, variables ?? {})
  if (wrong) throw wrong
  const [root, ...more] = operation.selectionSet.selections
  if (root?.kind !== Kind.FIELD || root.directives?.length || more.length > 0) {
    throw requestError(
      badInput('query', 'must select one field of the root, without a fragment or directive around it'),
    )
  }
  if (root.name.value.startsWith('__')) throw requestError(badInput('query', 'must select a field of Subscription'))
  return {
    document,
    operationName: operationName ?? undefined,
    variableValues: variables ?? {},
    field: root.name.value,
  }
}

const parsed = (query: string): DocumentNode => {
  try {
    return parse(query, { maxTokens: mostTokens })
  } catch (problem) {
    throw refused((problem as Error).message, 'GRAPHQL_PARSE_FAILED')
  }
}

const refused = (message: string, code: string): GraphQLError => new GraphQLError(message, { extensions: { code } })
