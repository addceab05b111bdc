import { expect, test } from 'vitest'
import { startRounds } from '../../src/lib/rounds.ts'
import { eventually } from '../support/gatehouse.ts'

test('a failure that lasts is reported once, and again after it had worked', async () => {
  let done = 0
  const reported: unknown[] = []
  const rounds = startRounds({
    work: async () => {
      if (++done !== 4) throw new Error(`round ${done}`)
    },
    intervalMs: 1,
    onProblem: (problem) => reported.push((problem as Error).message),
  })
  await eventually(() => done > 7)
  await rounds.stop()
  expect(reported).toEqual(['round 1', 'round 5'])
})
