import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  specifiedRules,
  validate,
} from 'graphql'
import { AppError } from '../failure.ts'
import { requestError } from './errors.ts'
import { literalProblem, literalTextProblems, variableProblems } from './input.ts'
import { limitsRule } from './limits.ts'

const mostErrors = 10

/**
 * The failure of a document that must not run; undefined for one that may. Our limits come first: graphql-js compares
 * repeated fields pair by pair, and describes each wrong literal at length.
 */
export const documentFailure = (schema: GraphQLSchema, document: DocumentNode): GraphQLError | undefined => {
  const isUnserved = document.definitions.some(
    (definition) => definition.kind === Kind.OPERATION_DEFINITION && !schema.getRootType(definition.operation),
  )
  if (isUnserved) return refusal(new GraphQLError('There is no such kind of operation here.'))
  const [tooMuch] = validate(schema, document, [limitsRule])
  if (tooMuch) return refusal(tooMuch)
  const errors = validate(schema, document, specifiedRules, { maxErrors: mostErrors })
  const fields = errors.flatMap((error) => literalProblem(document, error) ?? []).concat(literalTextProblems(document))
  if (fields.length > 0) return requestError(new AppError('BAD_USER_INPUT', { fields }))
  return errors[0] && refusal(errors[0])
}

/** The failure of an operation whose variables no resolver should see; undefined where there is none. */
export const variablesFailure = (
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): GraphQLError | undefined => {
  if (!operation.variableDefinitions?.length) return undefined
  const fields = variableProblems(schema, operation, variables)
  return fields.length > 0 ? requestError(new AppError('BAD_USER_INPUT', { fields })) : undefined
}

const refusal = ({ message, nodes }: GraphQLError): GraphQLError =>
  new GraphQLError(message, {
    ...(nodes && { nodes }),
    extensions: { code: 'GRAPHQL_VALIDATION_FAILED', http: { status: 400 } },
  })
