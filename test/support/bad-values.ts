import {
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputType,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql'
import { testPassword } from './gatehouse.ts'
import { writtenSchema } from './schema-walk.ts'

/** Planted in every wrong value: where it shows up, a value was quoted. */
export const canary = 'canary-31337-canary'
const canaryNumber = 313_378_190

type Input = GraphQLArgument | GraphQLInputField

/** One place where a client gives a value: `input.email` of `register`. */
export interface Place {
  readonly operation: string
  readonly path: string
  readonly type: GraphQLInputType
  readonly kind: 'query' | 'mutation'
  readonly args: readonly GraphQLArgument[]
}

const placesBelow = (input: Input, prefix: string): { path: string; type: GraphQLInputType }[] => {
  const path = prefix + input.name
  const type = getNullableType(input.type)
  const below = isInputObjectType(type)
    ? Object.values(type.getFields()).flatMap((field) => placesBelow(field, `${path}.`))
    : []
  return [{ path, type: input.type }, ...below]
}

/** Every argument and input field of every root field. */
export const places: readonly Place[] = (['query', 'mutation'] as const).flatMap((kind) => {
  const root = kind === 'query' ? writtenSchema.getQueryType() : writtenSchema.getMutationType()
  return Object.values(root?.getFields() ?? {}).flatMap(({ name, args }) =>
    args.flatMap((arg) => placesBelow(arg, '')).map((place) => ({ ...place, operation: name, kind, args })),
  )
})

/** What no place of any type should take. `undefined` is nothing at all. */
export const badValues: Readonly<Record<string, unknown>> = {
  nothing: undefined,
  null: null,
  'a number': canaryNumber,
  'a fraction': canaryNumber + 0.5,
  'a boolean': true,
  'a list': [canary],
  'a list of lists': [[[canary]]],
  'an object': { wrong: canary },
  'an empty text': '',
  'a wrong word': canary,
  'a NUL byte': `${canary}\0`,
  'a lone surrogate': `${canary}\ud800`,
  'full-width digits': '１２３４５６',
  'a text of 30,000 characters': canary.padEnd(30_000, 'x'),
  'a text of 1 MB': canary.padEnd(1_000_000, 'x'),
}

const examples: Readonly<Record<string, unknown>> = {
  password: testPassword,
  code: '000000',
  purpose: 'newsletter',
  version: '2026-11',
  Boolean: true,
  ID: '0198c0de-0000-7000-8000-000000000000',
  Int: 1,
  DateTime: '2030-01-01T00:00:00.000Z',
  EmailAddress: 'somebody@example.com',
  IPAddress: '192.0.2.7',
  MfaMethod: 'TOTP',
  PhoneNumber: '+14155550123',
  newPassword: 'another perfectly fine passphrase',
  String: 'some text',
}

const exampleOf = (name: string, type: GraphQLInputType): unknown => {
  const inner = getNullableType(type)
  if (isListType(inner)) return []
  if (isEnumType(inner)) return examples[inner.name] ?? inner.getValues()[0]?.name
  if (isInputObjectType(inner)) return Object.fromEntries(needed(Object.values(inner.getFields())))
  return examples[name] ?? examples[inner.name]
}

const needed = (inputs: readonly Input[]) =>
  inputs.filter(({ type }) => isNonNullType(type)).map(({ name, type }) => [name, exampleOf(name, type)] as const)

/** The arguments of an operation, right but for one value. */
export const argumentsWith = ({ args, path }: Place, value: unknown): Record<string, unknown> => {
  const all: Record<string, unknown> = Object.fromEntries(needed(args))
  const names = path.split('.')
  const last = names.pop() as string
  let owner = all
  for (const name of names) {
    owner[name] ??= {}
    owner = owner[name] as Record<string, unknown>
  }
  if (value === undefined) delete owner[last]
  else owner[last] = value
  return all
}

/** The operation with its arguments as variables of the same names. */
export const withVariables = ({ kind, operation, args }: Place): string => {
  const declared = args.map(({ name, type }) => `$${name}: ${type}`).join(', ')
  return `${kind} (${declared}) { ${operation}(${args.map(({ name }) => `${name}: $${name}`).join(', ')}) { __typename } }`
}

/** The operation with its arguments written into it. */
export const withLiterals = ({ kind, operation, args }: Place, values: Record<string, unknown>): string => {
  const given = args
    .filter(({ name }) => name in values)
    .map(({ name, type }) => `${name}: ${literal(values[name], type)}`)
  return `${kind} { ${operation}${given.length > 0 ? `(${given.join(', ')})` : ''} { __typename } }`
}

const literal = (value: unknown, type: GraphQLInputType | undefined): string => {
  const named = type && getNamedType(type)
  if (Array.isArray(value)) return `[${value.map((item) => literal(item, type)).join(', ')}]`
  if (value !== null && typeof value === 'object') {
    const fields = isInputObjectType(named) ? named.getFields() : {}
    return `{ ${Object.entries(value)
      .map(([name, inner]) => `${name}: ${literal(inner, fields[name]?.type)}`)
      .join(', ')} }`
  }
  return isEnumType(named) && named.getValue(String(value)) ? String(value) : JSON.stringify(value)
}
