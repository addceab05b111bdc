import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  SingleFieldSubscriptionsRule,
  specifiedRules,
  validate,
} from 'graphql'
import { AppError } from '../failure.ts'
import { requestError } from './errors.ts'
import { literalProblem, literalTextProblems, variableProblems } from './input.ts'
import { limitsRule } from './limits.ts'

const mostErrors = 10

/** SingleFieldSubscriptionsRule throws on directives at the root, whose variables it has not; what subscribes is stricter. */
const rules = specifiedRules.filter((rule) => rule !== SingleFieldSubscriptionsRule)

/**
 * The failure of a document that must not run; undefined for one that may. Our limits come first: graphql-js compares
 * repeated fields pair by pair, and describes each wrong literal at length. A check that throws is a fault, to be logged.
 */
export const documentFailure = (schema: GraphQLSchema, document: DocumentNode): GraphQLError | undefined =>
  faultOr(() => failureOf(schema, document))

const failureOf = (schema: GraphQLSchema, document: DocumentNode): GraphQLError | undefined => {
  const isUnserved = document.definitions.some(
    (definition) => definition.kind === Kind.OPERATION_DEFINITION && !schema.getRootType(definition.operation),
  )
  if (isUnserved) return refusal(new GraphQLError('There is no such kind of operation here.'))
  const [tooMuch] = validate(schema, document, [limitsRule])
  if (tooMuch) return refusal(tooMuch)
  const errors = validate(schema, document, rules, { maxErrors: mostErrors })
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
  return faultOr(() => {
    const fields = variableProblems(schema, operation, variables)
    return fields.length > 0 ? requestError(new AppError('BAD_USER_INPUT', { fields })) : undefined
  })
}

const faultOr = (check: () => GraphQLError | undefined): GraphQLError | undefined => {
  try {
    return check()
  } catch (problem) {
    const { name, stack } = problem as Error
    const cause = new Error(`a check threw ${name}`) // whose own words may quote the request
    cause.stack = stack?.match(/^ +at .*$/gm)?.join('\n') ?? ''
    return requestError(Object.assign(new AppError('INTERNAL_SERVER_ERROR'), { cause }))
  }
}

const refusal = ({ message, nodes }: GraphQLError): GraphQLError =>
  new GraphQLError(message, {
    ...(nodes && { nodes }),
    extensions: { code: 'GRAPHQL_VALIDATION_FAILED', http: { status: 400 } },
  })
