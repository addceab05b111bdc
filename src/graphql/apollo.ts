import { ApolloServer, type ApolloServerPlugin, type GraphQLRequestContext, type GraphQLResponse } from '@apollo/server'
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled'
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default'
import { type DocumentNode, type GraphQLSchema, type OperationDefinitionNode, OperationTypeNode, visit } from 'graphql'
import { AppError, badInput } from '../failure.ts'
import type { Logger } from '../lib/logger.ts'
import { currentRequest } from '../lib/request-scope.ts'
import type { GraphQLContext } from './context.ts'
import { formatError, httpStatusOf, logFaults, requestError, withoutSuggestion, withRequestId } from './errors.ts'
import { mostTokens } from './limits.ts'
import { operationField } from './operation-field.ts'
import { documentFailure, variablesFailure } from './validation.ts'

export interface GraphQLServerDeps {
  readonly schema: GraphQLSchema
  readonly isProduction: boolean
  readonly log: Logger
  /** Is told of each answer: the field of the root, `invalid` where there is none of ours, the code of the first error, or OK. */
  readonly observe?: (field: string, code: string, seconds: number) => void
}

/** Apollo Server with our limits, our errors and nothing that production should not show. */
export const createGraphQLServer = ({
  schema,
  isProduction,
  log,
  observe,
}: GraphQLServerDeps): ApolloServer<GraphQLContext> => {
  const fields = new WeakMap<OperationDefinitionNode, string>()
  return new ApolloServer<GraphQLContext>({
    schema,
    introspection: true, // to be refused below by who asks, which Apollo's own switch can't
    csrfPrevention: true,
    persistedQueries: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    dangerouslyDisableValidation: true, // checkOperation validates, our limits first
    parseOptions: { maxTokens: mostTokens },
    formatError,
    logger: log,
    plugins: [
      ApolloServerPluginCacheControlDisabled(), // nothing here may be cached, and it would wrap every field
      checkOperation(schema, fields),
      ...(isProduction ? [hideSchema] : []),
      finishResponse(log, ({ operation }, code, seconds) =>
        observe?.((operation && fields.get(operation)) ?? 'invalid', code, seconds),
      ),
      isProduction
        ? ApolloServerPluginLandingPageDisabled()
        : ApolloServerPluginLandingPageLocalDefault({ embed: true, includeCookies: true }),
    ],
  })
}

/** Looks at each document once: Apollo gives equal texts the same document. */
const oncePerDocument = <T>(look: (document: DocumentNode) => T): ((document: DocumentNode) => T) => {
  const seen = new WeakMap<DocumentNode, { readonly result: T }>()
  return (document) => {
    const known = seen.get(document) ?? { result: look(document) }
    seen.set(document, known)
    return known.result
  }
}

/** Refuses documents and input that no resolver should see, naming each field. Notes the field of what is valid. */
const checkOperation = (
  schema: GraphQLSchema,
  fields: WeakMap<OperationDefinitionNode, string>,
): ApolloServerPlugin<GraphQLContext> => {
  const failureOf = oncePerDocument((document) => documentFailure(schema, document))
  return {
    requestDidStart: async () => ({
      didResolveOperation: async ({ document, operation, request }) => {
        const failure = failureOf(document)
        if (failure) throw failure
        if (!operation) return
        const field = fields.get(operation) ?? operationField(document, operation)
        fields.set(operation, field)
        currentRequest()?.trace?.beginOperation(`${operation.operation} ${field}`)
        if (operation.operation === OperationTypeNode.SUBSCRIPTION) {
          throw requestError(badInput('query', 'must be a query or a mutation: subscriptions go over a WebSocket'))
        }
        const wrong = variablesFailure(schema, operation, request.variables ?? {})
        if (wrong) throw wrong
      },
    }),
  }
}

const isAdmin = ({ caller }: GraphQLContext): boolean => caller.kind === 'signedIn' && caller.account.role === 'ADMIN'

const introspects = oncePerDocument((document) => {
  let found = false
  visit(document, {
    Field(field) {
      if (field.name.value === '__schema' || field.name.value === '__type') found = true
    },
  })
  return found
})

/** Introspection and suggestions are for a signed-in ADMIN alone (ASVS 4.3.2). */
const hideSchema: ApolloServerPlugin<GraphQLContext> = {
  requestDidStart: async () => {
    return {
      didResolveOperation: async ({ document, contextValue }) => {
        if (introspects(document) && !isAdmin(contextValue)) throw requestError(new AppError('FORBIDDEN'))
      },
      willSendResponse: async ({ response: { body }, contextValue }) => {
        if (body.kind !== 'single' || !body.singleResult.errors || isAdmin(contextValue)) return
        body.singleResult.errors = body.singleResult.errors.map(withoutSuggestion)
      },
    }
  },
}

type Observe = (request: GraphQLRequestContext<GraphQLContext>, code: string, seconds: number) => void

/** Logs faults, and gives the response the status and headers that its errors call for. */
const finishResponse = (log: Logger, observe: Observe): ApolloServerPlugin<GraphQLContext> => ({
  requestDidStart: async () => ({
    didEncounterErrors: async ({ errors, contextValue: { requestId }, operationName }) =>
      logFaults(log, errors, { requestId, operationName }),
    willSendResponse: async (request) => {
      const { body, http } = request.response
      const { requestId } = request.contextValue
      const arrivedAt = currentRequest()?.arrivedAt
      if (arrivedAt !== undefined) observe(request, codeOf(body), (performance.now() - arrivedAt) / 1000)
      if (body.kind !== 'single' || !body.singleResult.errors) return
      const { data, errors } = body.singleResult
      body.singleResult.errors = errors.map((error) => withRequestId(error, requestId))
      const retryAfter = errors.map(({ extensions }) => extensions?.retryAfterSeconds).find(Boolean)
      if (retryAfter) http.headers.set('retry-after', String(retryAfter))
      const isNothingElse = !data || Object.values(data).every((value) => value === null)
      const status = httpStatusOf[String(errors[0]?.extensions?.code)]
      if (isNothingElse && status) http.status = status
      else if (data === undefined) http.status = 400
    },
  }),
})

const codeOf = (body: GraphQLResponse['body']): string =>
  body.kind === 'single' && body.singleResult.errors ? String(body.singleResult.errors[0]?.extensions?.code) : 'OK'
