import {
  coerceInputValue,
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  isInputType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  parse,
  typeFromAST,
  visit,
} from 'graphql'
import type { FieldProblem } from '../failure.ts'

/**
 * What is wrong with an operation's variables, a problem a field, in words that never quote the value: it may be a
 * password in the wrong place.
 */
export const variableProblems = (
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): FieldProblem[] => {
  const problems: FieldProblem[] = []
  for (const { variable, type: typeNode, defaultValue } of operation.variableDefinitions ?? []) {
    const name = variable.name.value
    const type = typeFromAST(schema, typeNode)
    if (!isInputType(type)) continue
    if (!Object.hasOwn(variables, name)) {
      if (isNonNullType(type) && !defaultValue) problems.push({ path: name, message: 'is required' })
      continue
    }
    coerceInputValue(variables[name], type, (path, _value, error) => {
      problems.push({ path: [name, ...path].join('.'), message: withoutValue(error) })
    })
    problems.push(...textProblems(name, variables[name]))
  }
  return problems
}

/** Text that PostgreSQL can not store, or would store as something else (threat class G). */
const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed()
const unstorable = 'must be well-formed text without NUL characters'

const textProblems = (path: string, value: unknown): FieldProblem[] => {
  if (typeof value === 'string') return isStorable(value) ? [] : [{ path, message: unstorable }]
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, inner]) => textProblems(`${path}.${key}`, inner))
}

/** The same for text that stands in the document itself. */
export const literalProblems = (document: DocumentNode): FieldProblem[] => {
  const problems: FieldProblem[] = []
  visit(document, {
    StringValue(node) {
      if (!isStorable(node.value))
        problems.push({ path: pathOfLiteral(document, node.loc?.start ?? 0), message: unstorable })
    },
  })
  return problems
}

/** What is wrong with a literal that validation refused; undefined when the error is about something else. */
export const literalProblem = (error: GraphQLError): FieldProblem | undefined => {
  const node = error.nodes?.find(({ kind }) => valueKinds.has(kind))
  if (!node?.loc || !error.source) return undefined
  return { path: pathOfLiteral(parse(error.source), node.loc.start), message: withoutValue(error) }
}

const valueKinds: ReadonlySet<string> = new Set([
  Kind.INT,
  Kind.FLOAT,
  Kind.STRING,
  Kind.BOOLEAN,
  Kind.NULL,
  Kind.ENUM,
  Kind.LIST,
  Kind.OBJECT,
])

/** `input.email` for the value that begins at an offset, from the argument and the input fields that it stands in. */
const pathOfLiteral = (document: DocumentNode, offset: number): string => {
  const names: string[] = []
  let path = ''
  visit(document, {
    enter(node) {
      if (node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD) names.push(node.name.value)
      else if (node.loc?.start === offset && names.length > 0) path = names.join('.')
    },
    leave(node) {
      if (node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD) names.pop()
    },
  })
  return path
}

/** graphql-js quotes what it could not read; our own scalars say what would be right and quote nothing. */
const withoutValue = ({ message, originalError }: GraphQLError): string => {
  const reason = originalError instanceof GraphQLError ? originalError.originalError : originalError
  if (reason) return reason.message
  const builtIn = /^(\w+) cannot represent/.exec(message)
  if (builtIn) return `must be of type ${builtIn[1]}`
  const missing = /^Field "(?:\w+\.)?(\w+)" of required type "[^"]+" was not provided/.exec(message)
  if (missing) return `needs the field ${missing[1]}`
  if (/not to be null|found null/.test(message)) return 'is required'
  const expected = /^Expected (?:value of )?type "([^"]+)"/.exec(message)
  if (expected) return `must be of type ${expected[1]}`
  const enumName = /does not exist in "(\w+)" enum/.exec(message) ?? /^Enum "(\w+)" cannot represent/.exec(message)
  if (enumName) return `must be a value of ${enumName[1]}`
  const unknown = /^Field "(\w+)" is not defined by type "(\w+)"/.exec(message)
  return unknown ? `has no field ${unknown[1]} (${unknown[2]})` : 'is not acceptable'
}
