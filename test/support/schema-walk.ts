import { readFileSync } from 'node:fs'
import {
  buildClientSchema,
  buildSchema,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getIntrospectionQuery,
  getNamedType,
  getNullableType,
  type IntrospectionQuery,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  OperationTypeNode,
} from 'graphql'
import type { Client } from './client.ts'

/** The public schema, as the repository states it. */
export const writtenSchema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'))

export interface RootOperation {
  readonly name: string
  readonly text: string
}

/** The schema as the server itself describes it. */
export const introspect = async (client: Client): Promise<GraphQLSchema> => {
  const { data } = await client.sendText(getIntrospectionQuery())
  return buildClientSchema(data as unknown as IntrospectionQuery)
}

const operationsOf = (schema: GraphQLSchema, kind: OperationTypeNode, depth: number): RootOperation[] =>
  Object.values(schema.getRootType(kind)?.getFields() ?? {}).map((field) => ({
    name: field.name,
    text: `${kind} { ${callOf(schema, field, depth)} }`,
  }))

/** One operation for each query and mutation, with input of the right form, that selects `depth` levels of its answer. */
export const rootOperations = (schema: GraphQLSchema, depth: number): RootOperation[] => [
  ...operationsOf(schema, OperationTypeNode.QUERY, depth),
  ...operationsOf(schema, OperationTypeNode.MUTATION, depth),
]

/** The same for each subscription. */
export const subscriptionOperations = (schema: GraphQLSchema, depth: number): RootOperation[] =>
  operationsOf(schema, OperationTypeNode.SUBSCRIPTION, depth)

const callOf = (schema: GraphQLSchema, field: GraphQLField<unknown, unknown>, depth: number): string => {
  const given = field.args.filter(({ type }) => isNonNullType(type)).map((arg) => `${arg.name}: ${sampleOf(arg.type)}`)
  const argumentList = given.length > 0 ? `(${given.join(', ')})` : ''
  return `${field.name}${argumentList} ${selectionOf(schema, field.type, depth)}`
}

/** Every field down to `depth` levels; of each possible type where it may be one of several. */
const selectionOf = (schema: GraphQLSchema, type: GraphQLOutputType, depth: number): string => {
  const named = getNamedType(type)
  if (isLeafType(named)) return ''
  if (depth === 0) return '{ __typename }'
  const parts = (isAbstractType(named) ? schema.getPossibleTypes(named) : [named]).map((possible) => {
    const fields = Object.values(possible.getFields()).filter(
      (field) => depth > 1 || isLeafType(getNamedType(field.type)),
    )
    return `... on ${possible.name} { __typename ${fields.map((field) => callOf(schema, field, depth - 1)).join(' ')} }`
  })
  return `{ ${parts.join(' ')} }`
}

const samples: Readonly<Record<string, string>> = {
  ID: '"00000000-0000-4000-8000-000000000000"',
  EmailAddress: '"nobody@example.com"',
  String: '"000000"',
  Int: '1',
  Boolean: 'false',
  DateTime: '"2026-01-01T00:00:00Z"',
  IPAddress: '"192.0.2.1"',
  MfaMethod: 'TOTP',
  PhoneNumber: '"+14155550123"',
  newPassword: '"another perfectly fine passphrase"',
  password: '"a perfectly fine passphrase"', // by its name: what else is a String would be refused
}

/** A literal of the right form that names nothing that exists. */
const sampleOf = (type: GraphQLInputType): string => {
  const inner = getNullableType(type)
  if (isListType(inner)) return '[]'
  if (isEnumType(inner)) return samples[inner.name] ?? (inner.getValues()[0]?.name as string)
  if (!isInputObjectType(inner)) return samples[getNamedType(inner).name] as string
  const required = Object.values(inner.getFields()).filter((field) => isNonNullType(field.type))
  return `{ ${required.map((field) => `${field.name}: ${samples[field.name] ?? sampleOf(field.type)}`).join(', ')} }`
}
