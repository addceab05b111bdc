import { readFileSync } from 'node:fs'
import {
  buildSchema,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLOutputType,
  getNamedType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql'
import { testPassword } from './gatehouse.ts'

/** The public schema, as the repository states it. */
export const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'))

export interface RootField {
  readonly kind: 'query' | 'mutation' | 'subscription'
  readonly name: string
  readonly args: readonly GraphQLArgument[]
  /** The operation with its arguments as variables of the same names, asking for every field there is. */
  readonly text: string
}

const operationText = (kind: string, { name, args, type }: GraphQLField<unknown, unknown>): string => {
  const declared = args.map((argument) => `$${argument.name}: ${argument.type}`).join(', ')
  const given = args.map((argument) => `${argument.name}: $${argument.name}`).join(', ')
  return `${kind} ${declared && `(${declared})`} { ${name}${given && `(${given})`}${everythingOf(type, [])} }`
}

/** A selection of all fields of a type, down to where a type would stand inside itself. */
export const everythingOf = (type: GraphQLOutputType, within: readonly string[] = []): string => {
  const named = getNamedType(type)
  if (isAbstractType(named)) {
    const parts = schema
      .getPossibleTypes(named)
      .map((possible) => `... on ${possible.name}${everythingOf(possible, within)}`)
    return ` { __typename ${parts.join(' ')} }`
  }
  if (!isObjectType(named)) return ''
  const inner = [...within, named.name]
  const fields = Object.values(named.getFields())
    .filter((field) => !inner.includes(getNamedType(field.type).name))
    .map((field) => aliased(named.name, field, inner))
  return ` { ${fields.join(' ')} }`
}

/** Members of a union may have fields of one name and several types, which GraphQL wants told apart. */
const aliased = (typeName: string, field: GraphQLField<unknown, unknown>, within: readonly string[]): string =>
  `${typeName}_${field.name}: ${field.name}${everythingOf(field.type, within)}`

/** Every query, mutation and subscription that the schema offers. */
export const rootFields: readonly RootField[] = (['query', 'mutation', 'subscription'] as const).flatMap((kind) => {
  const type = {
    query: schema.getQueryType(),
    mutation: schema.getMutationType(),
    subscription: schema.getSubscriptionType(),
  }[kind]
  return Object.values(type?.getFields() ?? {}).map((field) => ({
    kind,
    name: field.name,
    args: field.args,
    text: operationText(kind, field),
  }))
})

const exampleOf: Record<string, unknown> = {
  String: 'some text',
  ID: '0198c0de-0000-7000-8000-000000000000',
  Int: 1,
  Boolean: true,
  DateTime: '2030-01-01T00:00:00.000Z',
  EmailAddress: 'somebody@example.com',
  IPAddress: '192.0.2.7',
}

/** A value that the type accepts: of input objects only what is required. */
export const exampleFor = (name: string, type: GraphQLInputType): unknown => {
  if (isNonNullType(type)) return exampleFor(name, type.ofType)
  if (isListType(type)) return [exampleFor(name, type.ofType)]
  if (isEnumType(type)) return type.getValues()[0]?.name
  if (isInputObjectType(type)) return examplesFor(Object.values(type.getFields()))
  if (name === 'password') return testPassword
  if (!(type.name in exampleOf)) throw new Error(`There is no example of a ${type.name}`)
  return exampleOf[type.name]
}

/** Values for the arguments, or input fields, that can't be left out. */
export const examplesFor = (inputs: readonly (GraphQLArgument | GraphQLInputField)[]): Record<string, unknown> =>
  Object.fromEntries(
    inputs
      .filter((input) => ('args' in input ? isRequiredArgument(input) : isRequiredInputField(input)))
      .map(({ name, type }) => [name, exampleFor(name, type)]),
  )
