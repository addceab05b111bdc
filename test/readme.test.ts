import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Gatehouse, startGatehouse } from './support/gatehouse.ts'
import { readDocument, walk } from './support/walk.ts'

const longestWalkMs = 90_000 // the walk waits for a new code, as a person does

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

test(
  "the README's walk works as printed, answers included",
  () =>
    walk({
      path: 'README.md',
      environment: { GATEHOUSE: gatehouse.url },
      leastSteps: 9,
      longestMs: longestWalkMs,
    }),
  longestWalkMs,
)

test('the README names no command that package.json does not have', async () => {
  const readme = await readDocument('README.md')
  const { scripts } = JSON.parse(await readDocument('package.json')) as { scripts: object }
  const named = [...readme.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name)
  expect(named.length).toBeGreaterThan(0)
  for (const name of named) expect(Object.keys(scripts)).toContain(name)
})
