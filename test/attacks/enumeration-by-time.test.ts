import { randomInt, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mailboxBudgets } from '../../src/budgets/budget.ts'
import { expectUnharmed } from '../support/attack.ts'
import {
  ChangeEmailDocument,
  LoginDocument,
  RegisterDocument,
  RequestPasswordResetDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, testPassword } from '../support/gatehouse.ts'
import { median, rankTest } from '../support/statistics.ts'

const samples = 100
const warmUps = 15
const mostRounds = 3
const timeout = 120_000 // for all rounds, beside other tests
const mostMilliseconds = 5
const mostShare = 0.05
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
    const mostDifference = Math.max(mostMilliseconds, mostShare * Math.min(...medians))
    const isAlike = difference < mostDifference && chance > leastChance
    if (isAlike || round === mostRounds) {
      const measured = names.map((name, index) => `${name} ${medians[index]?.toFixed(2)} ms`).join(', ')
      expect(isAlike, `${measured}; rank test p = ${chance.toFixed(4)}`).toBe(true)
      return
    }
  }
}

test('E2: a failed login takes as long for an unknown, an unconfirmed and a suspended address as for a known one', {
  timeout,
}, async () => {
  const [known, suspended] = [await gatehouse.createUser(), await gatehouse.createUser()]
  await gatehouse.sql`UPDATE users SET status = 'SUSPENDED' WHERE id = ${suspended.id}`
  const { anonymous } = gatehouse
  await anonymous.ask(RegisterDocument, { input: { email: 'e2-unconfirmed@example.com', password: testPassword } })
  const logIn = (email: string) => () =>
    anonymous.refused(LoginDocument, { input: { email, password: 'not the password of anyone' } })
  await expectSameTime({
    known: logIn(known.email),
    unknown: logIn('e2-unknown@example.com'),
    unconfirmed: logIn('e2-unconfirmed@example.com'),
    suspended: logIn(suspended.email),
  })
  await expectUnharmed(gatehouse, { secrets: [testPassword] })
})

/** Addresses that take turns, so that no mailbox gets more than its share of mail, beyond which all are answered alike. */
const inTurn = (addresses: readonly string[]): (() => string) => {
  let turn = 0
  return () => addresses[turn++ % addresses.length] as string
}

const mostTurns = (samples + warmUps) * mostRounds
const newAddress = () => `e2-${randomUUID()}@example.com`

const knownAddresses = async (mailsEach: number): Promise<() => string> => {
  const users = Array.from({ length: Math.ceil(mostTurns / mailsEach) }, () => gatehouse.createUser())
  return inTurn((await Promise.all(users)).map(({ email }) => email))
}

test('E2: registering takes as long for a taken address as for a new one', { timeout }, async () => {
  const takenAddress = await knownAddresses(mailboxBudgets.confirmations.limit)
  const register = (email: string) =>
    gatehouse.anonymous.ask(RegisterDocument, { input: { email, password: testPassword } })
  await expectSameTime({
    taken: () => register(takenAddress()),
    new: () => register(newAddress()),
  })
  await expectUnharmed(gatehouse, { secrets: [testPassword] })
})

test('E2: asking for a reset takes as long for an unknown, an unconfirmed and a suspended address as for a known one', {
  timeout,
}, async () => {
  const { limit } = mailboxBudgets.resets
  const knownAddress = await knownAddresses(limit)
  const pending = Array.from({ length: Math.ceil(mostTurns / limit) }, newAddress)
  for (const email of pending) {
    await gatehouse.anonymous.ask(RegisterDocument, { input: { email, password: testPassword } })
  }
  const unconfirmedAddress = inTurn(pending)
  const suspended = await Promise.all(pending.map(() => gatehouse.createUser()))
  await gatehouse.sql`UPDATE users SET status = 'SUSPENDED' WHERE id IN ${gatehouse.sql(suspended.map(({ id }) => id))}`
  const suspendedAddress = inTurn(suspended.map(({ email }) => email))
  const askForReset = (email: string) => gatehouse.anonymous.ask(RequestPasswordResetDocument, { email })
  await expectSameTime({
    known: () => askForReset(knownAddress()),
    unknown: () => askForReset(newAddress()),
    unconfirmed: () => askForReset(unconfirmedAddress()),
    suspended: () => askForReset(suspendedAddress()),
  })
  await expectUnharmed(gatehouse, { secrets: [testPassword] })
})

test('E2: beyond what a mailbox may get, asking for a reset takes as long for an unknown address as for a known one', {
  timeout,
}, async () => {
  const known = await gatehouse.createUser()
  const askForReset = (email: string) => () => gatehouse.anonymous.ask(RequestPasswordResetDocument, { email })
  const acts = { known: askForReset(known.email), unknown: askForReset('e2-insistent@example.com') }
  for (let turn = 0; turn < mailboxBudgets.resets.limit; turn++) await Promise.all([acts.known(), acts.unknown()])
  await expectSameTime(acts)
})

test('E2: asking for another address takes as long for a taken one as for a free one', { timeout }, async () => {
  const takenAddress = await knownAddresses(mailboxBudgets.confirmations.limit)
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user, ['PASSWORD'], new Date(gatehouse.now().getTime() + 3_600_000))
  const askFor = (newEmail: string) => session.ask(ChangeEmailDocument, { newEmail })
  await expectSameTime({ taken: () => askFor(takenAddress()), free: () => askFor(newAddress()) })
  await expectUnharmed(gatehouse, { secrets: [testPassword] })
})
