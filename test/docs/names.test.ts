import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { documents, readDocument, root, tablesUnder } from '../support/prose.ts'

/** What matches in any document, with where it stands. */
const findAll = async (pattern: RegExp): Promise<{ document: string; found: string }[]> =>
  (
    await Promise.all(
      (
        await documents()
      ).map(async (document) =>
        [...(await readDocument(document)).matchAll(pattern)].map(([, found = '']) => ({ document, found })),
      ),
    )
  ).flat()

test('every npm script that a document names is in package.json', async () => {
  const { scripts } = JSON.parse(await readDocument('package.json')) as { scripts: object }
  const named = await findAll(/npm run (?:-s )?([\w:-]+)/g)
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter(({ found }) => !Object.keys(scripts).includes(found))).toEqual([])
})

test('every command of the operator that a document names is one', async () => {
  const named = await findAll(/npm run gatehouse -- ([a-z][\w-]+)/g)
  expect(named.length).toBeGreaterThan(10)
  const isThere = (name: string) => name === 'help' || existsSync(`${root}/src/cli/${name}.ts`) // a file a command
  expect(named.filter(({ found }) => !isThere(found))).toEqual([])
})

/** Values of variables, and variables that other programs, tests or `compose.yaml` read. */
const others = ['EVICT_OLDEST', 'GATEHOUSE_ROUNDS', 'POSTGRES_PASSWORD', 'REDIS_PASSWORD', 'UV_THREADPOOL_SIZE']

test('every name in capitals is a variable of the configuration or a value of the schema', async () => {
  const variables = (await tablesUnder('docs/operations.md', 'Variable')).flatMap(
    ([names = '']) => names.match(/[A-Z_]+/g) ?? [],
  )
  const values = (await readDocument('schema.graphql')).match(/^ {2}[A-Z_]+$/gm)?.map((value) => value.trim()) ?? []
  const known = new Set([...variables, ...values, ...others])
  const named = await findAll(/`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`/g)
  expect(named.length).toBeGreaterThan(100)
  expect(named.filter(({ found }) => !known.has(found))).toEqual([])
})

test('the layout names every folder of the source', async () => {
  const [, layout = ''] = /^## Layout\n([\s\S]*?)^## /m.exec(await readDocument('CONTRIBUTING.md')) ?? []
  const folders = (await readdir(`${root}/src`, { withFileTypes: true })).filter((entry) => entry.isDirectory())
  expect(folders.length).toBeGreaterThan(15)
  expect(folders.filter(({ name }) => !layout.includes(`\`${name}\``)).map(({ name }) => name)).toEqual([])
})

test('no document names a path of a machine', async () => {
  expect(await findAll(/((?:^|[\s`'"(])(?:\/(?:home|root|work|tmp|Users)\/|[A-Z]:\\)[^\s`]*)/g)).toEqual([])
})
