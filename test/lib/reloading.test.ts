import { expect, test } from 'vitest'
import { createReloading } from '../../src/lib/reloading.ts'
import { eventually } from '../support/gatehouse.ts'

test('a reload that fails is repeated until it succeeds, and each failure is told', async () => {
  let reads = 0
  const told: unknown[] = []
  const read = async () => {
    if (++reads < 3) throw new Error(`read ${reads}`)
  }
  const { reload, stop } = createReloading(read, (problem) => told.push((problem as Error).message))
  reload()
  await eventually(() => reads === 3)
  await stop()
  expect([reads, told]).toEqual([3, ['read 1', 'read 2']])
})

test('reads that are asked for at once follow one another, so that the newest is what stays', async () => {
  let underWay = 0
  let most = 0
  const { load } = createReloading(
    async () => {
      most = Math.max(most, ++underWay)
      await Promise.resolve()
      underWay--
    },
    () => {},
  )
  await Promise.all([load(), load(), load()])
  expect(most).toBe(1)
})

test('stopping waits for the read that is under way, and neither tells of its failure nor repeats it', async () => {
  let reads = 0
  const told: unknown[] = []
  const answer = Promise.withResolvers<void>()
  const read = () => {
    reads++
    return answer.promise
  }
  const { reload, stop } = createReloading(read, (problem) => told.push(problem))
  reload()
  let isStopped = false
  const stopped = stop().then(() => {
    isStopped = true
  })
  reload()
  await new Promise(setImmediate)
  expect([reads, isStopped]).toEqual([1, false])
  answer.reject(new Error('PostgreSQL is gone'))
  await stopped
  await new Promise(setImmediate)
  expect([reads, told]).toEqual([1, []])
})
