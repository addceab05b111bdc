import { buildSchema, type GraphQLEnumType, isUnionType, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { guidePages, readDocument, root, tablesUnder } from '../support/prose.ts'

const schema = buildSchema(await readDocument('schema.graphql'))
const index = 'docs/guide.md'
const pages = await guidePages()
const text = (await Promise.all([index, ...pages].map(readDocument))).join('\n')
const codes = (schema.getType('ErrorCode') as GraphQLEnumType).getValues().map(({ name }) => name)

test('the guide names every operation of the schema in its index', async () => {
  const named = (await tablesUnder(index, 'Page')).map(([, operations]) => operations).join()
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
  const fields = roots.flatMap((type) => Object.keys(type?.getFields() ?? {}))
  expect(fields.length).toBeGreaterThan(30)
  expect(fields.filter((field) => !named.includes(`\`${field}\``))).toEqual([])
})

test('the table of errors has every error code, and no other', async () => {
  expect((await tablesUnder(index, 'Error')).map(([code = '']) => code.replaceAll('`', '')).toSorted()).toEqual(
    codes.toSorted(),
  )
})

test.each(pages)('%s: the table of errors names codes of the schema', async (page) => {
  const rows = await tablesUnder(page, 'Error')
  expect(rows.length).toBeGreaterThan(0)
  const named = rows.flatMap(([error = '']) => error.match(/\b[A-Z]+(?:_[A-Z]+)+\b|`(FORBIDDEN|CONFLICT)`/g) ?? [])
  const endReasons = (schema.getType('SessionEndReason') as GraphQLEnumType).getValues().map(({ name }) => name)
  const known = [...codes, ...endReasons]
  expect(named.map((name) => name.replaceAll('`', '')).filter((name) => !known.includes(name))).toEqual([])
})

test.each(pages)('%s has a diagram, its operations and an errors table', async (page) => {
  const document = await readDocument(page)
  for (const part of ['```mermaid\nsequenceDiagram\n', '\nOperations: ', '\n| Error']) expect(document).toContain(part)
})

/** The GraphQL in shell commands and programs: what stands in quotes and is an operation. */
const operations = [...text.matchAll(/'((?:mutation|query|subscription|\{)[^']*)'|gql "(mutation[^\n]*)"/g)]
  .map(([, single, double]) => single ?? double?.replaceAll('\\"', '"') ?? '')
  .map((operation) =>
    operation.replaceAll(/"?\$\(?[\w ]+\)?"?(?=[,\s)}])/g, (word) => (word.startsWith('"') ? '"x"' : word)),
  )
  .filter((operation) => operation.includes('{') && !operation.includes('process.'))

test('every operation in the guide is one that the schema takes', () => {
  expect(operations.length).toBeGreaterThan(60)
  const wrong = operations.flatMap((operation) => {
    try {
      return validate(schema, parse(operation)).map(({ message }) => `${message} in ${operation}`)
    } catch (problem) {
      return [`${(problem as Error).message} in ${operation}`]
    }
  })
  expect(wrong).toEqual([])
})

test('every example in the guide stands in its file as it is quoted', async () => {
  const quotes = [...text.matchAll(/<!-- (docs\/examples\/[\w./-]+) -->\n```tsx?\n([\s\S]*?)^```/gm)]
  expect(quotes.length).toBeGreaterThan(15)
  for (const [, path = '', quote = ''] of quotes) expect(await readDocument(path)).toContain(quote)
  const fences = text.match(/^```tsx?$/gm) ?? []
  expect(fences).toHaveLength(quotes.length)
})

test("the example's failures are those of the schema", async () => {
  const [, type = ''] = /export type Failure =([\s\S]*?)\n\n/.exec(await readDocument('docs/examples/failure.ts')) ?? []
  const named = [...type.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code)
  expect(named.toSorted()).toEqual(codes.toSorted())
})

test("the example's unions are those of the schema", async () => {
  const { possibleTypes } = await import(`${root}/docs/examples/client.ts`)
  const unions = Object.values(schema.getTypeMap()).filter(isUnionType)
  expect(possibleTypes).toEqual(
    Object.fromEntries(unions.map((union) => [union.name, union.getTypes().map(({ name }) => name)])),
  )
})
