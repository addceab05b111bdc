import 'reflect-metadata' // what type-graphql's decorators write to; every decorated file comes by here first
import { registerEnumType } from 'type-graphql'

/** Registers a GraphQL enum whose values are their own names. `values` gives each value's description. */
export const graphqlEnum = <Value extends string>(name: string, description: string, values: Record<Value, string>) => {
  const entries = Object.entries<string>(values)
  const byName = Object.fromEntries(entries.map(([value]) => [value, value])) as { [Key in Value]: Key }
  const valuesConfig = Object.fromEntries(entries.map(([value, text]) => [value, { description: text }]))
  registerEnumType(byName, {
    name,
    description,
    valuesConfig: valuesConfig as Partial<Record<Value, { description: string }>>,
  })
  return byName
}
