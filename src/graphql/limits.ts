import {
  type ASTVisitor,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql'

const deepest = 10
const mostAliases = 30
const mostRootFields = 10
const mostFields = 500 // counted through fragments, so that nesting them buys nothing; also bounds repeated fields
const mostDirectives = 30

/** The parser stops at this many tokens: a document that nears it is past every other limit too. */
export const mostTokens = 2_000

interface Size {
  readonly depth: number
  readonly aliases: number
  readonly rootFields: number
  readonly fields: number
  readonly directives: number
}

const nothing: Size = { depth: 0, aliases: 0, rootFields: 0, fields: 0, directives: 0 }

/**
 * Validation rule: refuses an operation that is too deep or asks for too much, before any resolver runs (ASVS 4.3.1).
 * Each fragment is measured once, however often it is spread.
 */
export const limitsRule = (context: ValidationContext): ASTVisitor => {
  const measured = new Map<FragmentDefinitionNode, Size>()

  const measureFragment = (name: string): Size => {
    const fragment = context.getFragment(name)
    if (!fragment) return nothing
    const known = measured.get(fragment)
    if (known) return known
    measured.set(fragment, nothing) // a cycle, which another rule refuses, ends here
    const size = measure(fragment.selectionSet)
    measured.set(fragment, size)
    return size
  }

  const measure = ({ selections }: SelectionSetNode): Size => {
    let { depth, aliases, rootFields, fields, directives } = nothing
    for (const selection of selections) {
      const isField = selection.kind === Kind.FIELD
      const inner =
        selection.kind === Kind.FRAGMENT_SPREAD
          ? measureFragment(selection.name.value)
          : selection.selectionSet
            ? measure(selection.selectionSet)
            : nothing
      depth = Math.max(depth, inner.depth + (isField ? 1 : 0))
      aliases += inner.aliases + (isField && selection.alias ? 1 : 0)
      rootFields += isField ? 1 : inner.rootFields
      fields += inner.fields + (isField ? 1 : 0)
      directives += inner.directives + (selection.directives?.length ?? 0)
    }
    return { depth, aliases, rootFields, fields, directives }
  }

  return {
    OperationDefinition(operation: OperationDefinitionNode) {
      const size = measure(operation.selectionSet)
      const refuse = (what: string, limit: number) =>
        context.reportError(new GraphQLError(`The operation has more than ${limit} ${what}.`, { nodes: operation }))
      if (size.depth > deepest && !isIntrospection(operation)) refuse('levels', deepest)
      if (size.aliases > mostAliases) refuse('aliases', mostAliases)
      if (size.rootFields > mostRootFields) refuse('root fields', mostRootFields)
      if (size.fields > mostFields) refuse('fields', mostFields)
      if (size.directives + (operation.directives?.length ?? 0) > mostDirectives) refuse('directives', mostDirectives)
    },
  }
}

/** The standard introspection query is deeper than any other; the other limits hold for it too. */
const isIntrospection = ({ selectionSet }: OperationDefinitionNode): boolean =>
  selectionSet.selections.every((selection) => selection.kind === Kind.FIELD && selection.name.value.startsWith('__'))
