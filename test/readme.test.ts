import { afterAll, beforeAll, test } from 'vitest'
import { type Gatehouse, startGatehouse } from './support/gatehouse.ts'
import { walk } from './support/walk.ts'

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
      paths: ['README.md'],
      environment: { GATEHOUSE: gatehouse.url },
      leastSteps: 9,
      longestMs: longestWalkMs,
    }),
  longestWalkMs,
)
