import { randomInt, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import { LoginDocument, RegisterDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, testPassword } from '../support/gatehouse.ts'
import { median, rankTest } from '../support/statistics.ts'

const samples = 100
const warmUps = 15
const mostRounds = 3
const timeout = 60_000 // for all rounds, beside other tests
const mostMilliseconds = 5
const leastChance = 0.01

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

type Acts = Readonly<Record<string, () => Promise<unknown>>>

/** Times each act, in an order drawn anew for each turn, so that what slows the machine down slows all of them. */
const measure = async (acts: Acts): Promise<Record<string, number[]>> => {
  const names = Object.keys(acts)
  const times: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]))
  for (let turn = 0; turn < samples + warmUps; turn++) {
    const shuffled = names.map((name) => ({ name, place: randomInt(2 ** 32) })).sort((a, b) => a.place - b.place)
    for (const { name } of shuffled) {
      const start = performance.now()
      await acts[name]?.()
      if (turn >= warmUps) times[name]?.push(performance.now() - start)
    }
  }
  return times
}

/**
 * Asks that no two acts can be told apart by their time. Equal acts fail the rank test once in a hundred, and a noisy
 * machine more often, so a round that fails is repeated, twice at most; acts that differ fail every round.
 */
const expectSameTime = async (acts: Acts): Promise<void> => {
  const names = Object.keys(acts)
  for (let round = 1; ; round++) {
    const times = await measure(acts)
    const medians = names.map((name) => median(times[name] ?? []))
    const difference = Math.max(...medians) - Math.min(...medians)
    const chances = names.flatMap((one, index) =>
      names.slice(index + 1).map((other) => rankTest(times[one] ?? [], times[other] ?? [])),
    )
    const chance = Math.min(...chances)
    const isAlike = difference < mostMilliseconds && chance > leastChance
    if (isAlike || round === mostRounds) {
      const measured = names.map((name, index) => `${name} ${medians[index]?.toFixed(2)} ms`).join(', ')
      expect(isAlike, `${measured}; rank test p = ${chance.toFixed(4)}`).toBe(true)
      return
    }
  }
}

test('E2: a failed login takes as long for an unknown and an unconfirmed address as for a known one', {
  timeout,
}, async () => {
  const known = await gatehouse.createUser()
  const { anonymous } = gatehouse
  await anonymous.ask(RegisterDocument, { input: { email: 'e2-unconfirmed@example.com', password: testPassword } })
  const logIn = (email: string) => () =>
    anonymous.refused(LoginDocument, { input: { email, password: 'not the password of anyone' } })
  await expectSameTime({
    known: logIn(known.email),
    unknown: logIn('e2-unknown@example.com'),
    unconfirmed: logIn('e2-unconfirmed@example.com'),
  })
  await expectUnharmed(gatehouse, { secrets: [testPassword] })
})

test('E2: registering takes as long for a taken address as for a new one', { timeout }, async () => {
  const taken = await gatehouse.createUser()
  const register = (email: string) =>
    gatehouse.anonymous.ask(RegisterDocument, { input: { email, password: testPassword } })
  await expectSameTime({
    taken: () => register(taken.email),
    new: () => register(`e2-${randomUUID()}@example.com`),
  })
  await expectUnharmed(gatehouse, { secrets: [testPassword] })
})
