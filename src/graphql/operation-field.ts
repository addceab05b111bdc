import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'

/**
 * The name of the field that an operation selects of its root, for labels: `several` where it selects more than one,
 * `introspection` where it asks for the schema alone. To be given documents that are valid: other names are the client's.
 */
export const operationField = (document: DocumentNode, operation: OperationDefinitionNode): string => {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  const names = new Set<string>()
  const entered = new Set<SelectionSetNode>()
  const collect = (selections: SelectionSetNode | undefined): void => {
    if (!selections || entered.has(selections)) return
    entered.add(selections)
    for (const selection of selections.selections) {
      if (selection.kind === Kind.FIELD) names.add(selection.name.value)
      else if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet)
      else collect(fragments.get(selection.name.value)?.selectionSet)
    }
  }
  collect(operation.selectionSet)
  const [name = 'introspection', ...more] = [...names].filter((each) => !each.startsWith('__'))
  return more.length > 0 ? 'several' : name
}
