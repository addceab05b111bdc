import {
  coerceInputValue,
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  isInputType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  typeFromAST,
  visit,
} from 'graphql'
import type { FieldProblem } from '../failure.ts'

const mostProblems = 20 // a list of a thousand wrong values is told of in a short answer
const deepestValue = 10 // no input type nests deeper
const unstorable = 'must be well-formed text without NUL characters'

/** Ends a walk through input that has shown enough. */
class EnoughProblems extends Error {}

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
  const report = (path: string, message: string): void => {
    if (problems.length === mostProblems) throw new EnoughProblems()
    problems.push({ path, message })
  }
  try {
    for (const { variable, type: typeNode, defaultValue } of operation.variableDefinitions ?? []) {
      const name = variable.name.value
      const type = typeFromAST(schema, typeNode)
      if (!isInputType(type)) continue
      if (!Object.hasOwn(variables, name)) {
        if (isNonNullType(type) && !defaultValue) report(name, 'is required')
        continue
      }
      if (!checkText(variables[name], name, report)) continue
      coerceInputValue(variables[name], type, (path, _value, error) => {
        const { field, message } = problemOf(error)
        report([name, ...path, ...field].join('.'), message)
      })
    }
  } catch (problem) {
    if (!(problem instanceof EnoughProblems)) throw problem
  }
  return problems
}

/** Text that PostgreSQL can not store, or would store as something else (threat class G). */
const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed()

/** Reports unstorable text, and nesting that no input type has; false for the latter, which must not be walked again. */
const checkText = (
  value: unknown,
  path: string,
  report: (path: string, message: string) => void,
  depth = 0,
): boolean => {
  if (typeof value === 'string' && !isStorable(value)) report(path, unstorable)
  if (value === null || typeof value !== 'object') return true
  if (depth === deepestValue) {
    report(path, 'is nested too deeply')
    return false
  }
  return Object.entries(value).every(([key, inner]) => checkText(inner, `${path}.${key}`, report, depth + 1))
}

/** Unstorable text that stands in the document itself. */
export const literalTextProblems = (document: DocumentNode): FieldProblem[] => {
  const offsets: number[] = []
  visit(document, {
    StringValue(node) {
      if (!isStorable(node.value) && offsets.length < mostProblems) offsets.push(node.loc?.start ?? 0)
    },
  })
  return offsets.map((offset) => ({ path: pathOf(document, offset), message: unstorable }))
}

/** What is wrong with a literal that validation refused; undefined when the error is about something else. */
export const literalProblem = (document: DocumentNode, error: GraphQLError): FieldProblem | undefined => {
  const argument = /argument "(\w+)" of type "[^"]+" is required/.exec(error.message)?.[1]
  if (argument) return { path: argument, message: 'is required' }
  const node = error.nodes?.find(({ kind }) => valueKinds.has(kind))
  if (!node?.loc) return undefined
  const { field, message } = problemOf(error)
  return { path: [pathOf(document, node.loc.start), ...field].join('.'), message }
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
  Kind.OBJECT_FIELD,
])

/** `input.email` for what begins at an offset: the argument, or variable, and the input fields that it stands in. */
const pathOf = (document: DocumentNode, offset: number): string => {
  const names: string[] = []
  let path = ''
  visit(document, {
    enter(node) {
      if (node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD) names.push(node.name.value)
      if (node.kind === Kind.VARIABLE_DEFINITION) names.push(node.variable.name.value)
      if (node.loc?.start === offset && names.length > 0) path = names.join('.')
    },
    leave({ kind }) {
      if (kind === Kind.ARGUMENT || kind === Kind.OBJECT_FIELD || kind === Kind.VARIABLE_DEFINITION) names.pop()
    },
  })
  return path
}

/**
 * What graphql-js found, and the field inside where it is about one. It quotes what it could not read; we don't. Our
 * own scalars say what would be right.
 */
const problemOf = ({ message, originalError }: GraphQLError): { field: string[]; message: string } => {
  const reason = originalError instanceof GraphQLError ? originalError.originalError : originalError
  if (reason) return { field: [], message: reason.message }
  const missing = /^Field "(?:\w+\.)?(\w+)" of required type "[^"]+" was not provided/.exec(message)?.[1]
  if (missing) return { field: [missing], message: 'is required' }
  if (/not to be null|found null/.test(message)) return { field: [], message: 'is required' }
  const type = /^(\w+) cannot represent/.exec(message) ?? /^Expected (?:value of )?type "([^"]+)"/.exec(message)
  if (type) return { field: [], message: `must be of type ${type[1]}` }
  const values = /does not exist in "(\w+)" enum/.exec(message) ?? /^Enum "(\w+)" cannot represent/.exec(message)
  if (values) return { field: [], message: `must be a value of ${values[1]}` }
  const unknown = /^Field "(\w+)" is not defined by type "(\w+)"/.exec(message)
  return { field: [], message: unknown ? `is no field of ${unknown[2]}: ${unknown[1]}` : 'is not acceptable' }
}
