import { expect, test } from 'vitest'
import { createBatch } from '../../src/lib/batch.ts'

/** A batch whose runs end when the test says so. */
const startBatch = (mostKeys = 10) => {
  const runs: { keys: readonly string[]; end: PromiseWithResolvers<ReadonlyMap<string, string>> }[] = []
  const find = createBatch<string>((keys) => {
    const end = Promise.withResolvers<ReadonlyMap<string, string>>()
    runs.push({ keys, end })
    return end.promise
  }, mostKeys)
  const succeed = (index: number, version: string) => {
    const run = runs[index]
    run?.end.resolve(new Map(run.keys.map((key) => [key, `${key} ${version}`])))
  }
  return { find, runs, succeed }
}

test('a lone question is asked at once, and what comes meanwhile goes together, each key once', async () => {
  const { find, runs, succeed } = startBatch()
  const first = find('a')
  const waiting = [find('b'), find('c'), find('b')]
  expect(runs.map(({ keys }) => keys)).toEqual([['a']])
  succeed(0, 'old')
  expect(await first).toBe('a old')
  succeed(1, 'new')
  expect(await Promise.all(waiting)).toEqual(['b new', 'c new', 'b new'])
  expect(runs.map(({ keys }) => keys)).toEqual([['a'], ['b', 'c']])
})

test('nobody is answered by a run that began before the question', async () => {
  const { find, succeed } = startBatch()
  const early = find('a')
  const late = find('a')
  succeed(0, 'old')
  await early
  succeed(1, 'new')
  expect(await late).toBe('a new')
})

test('more than a run may hold go in the next, and a key that is not found is undefined', async () => {
  const { find, runs, succeed } = startBatch(2)
  const all = ['a', 'b', 'c', 'd'].map(find)
  succeed(0, '1')
  await all[0]
  succeed(1, '2')
  await all[1]
  runs[2]?.end.resolve(new Map())
  expect(await Promise.all(all)).toEqual(['a 1', 'b 2', 'c 2', undefined])
  expect(runs.map(({ keys }) => keys)).toEqual([['a'], ['b', 'c'], ['d']])
})

test('what waits behind a run that fails fails with it, and the next question is asked anew', async () => {
  const { find, runs, succeed } = startBatch()
  const failing = [find('a'), find('b')]
  runs[0]?.end.reject(new Error('gone'))
  for (const { status } of await Promise.allSettled(failing)) expect(status).toBe('rejected')
  const next = find('b')
  succeed(1, 'new')
  expect(await next).toBe('b new')
})
