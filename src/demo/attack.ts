import { passwordBudget } from '../budgets/budget.ts'
import { secondsAfter } from '../lib/clock.ts'
import { stuffing, stuffingDetails } from '../risk/policy.ts'
import type { Person } from './person.ts'
import type { Random } from './random.ts'
import type { TimedReport } from './visit.ts'

/** Public name servers too, of which no person has one. */
const addresses = ['1.1.1.1', '9.9.9.9', '94.140.14.14', '149.112.121.10', '185.222.222.222'] as const
const userAgents = ['curl/8.17.0', 'python-requests/2.32.5'] as const

const newClient = (random: Random) => ({ ipAddress: random.oneOf(addresses), userAgent: random.oneOf(userAgents) })
const wrongPassword = { type: 'LOGIN_FAILED', outcome: 'FAILURE', details: { reason: 'wrong password' } } as const

/** A stranger tries passwords of one account until that is locked, and a while longer. */
export const guessing = (random: Random, { id: userId }: Person, begin: Date): TimedReport[] => {
  const client = newClient(random)
  let at = begin
  const tries = Array.from({ length: passwordBudget.limit }, () => {
    at = secondsAfter(at, 1 + random.below(20))
    return { ...wrongPassword, userId, client, at }
  })
  const refused = { type: 'RATE_LIMITED', outcome: 'DENIED', userId, client } as const
  const [from, until] = [2, 50].map((seconds) => secondsAfter(at, seconds)) as [Date, Date]
  const repeats = { repeats: 5 + random.below(200), from: from.toISOString(), until: until.toISOString() }
  return [
    ...tries,
    { type: 'ACCOUNT_LOCKED', outcome: 'SUCCESS', userId, client, details: { scope: 'password' }, at },
    { ...refused, details: { limit: 'password' }, at: secondsAfter(at, 1) },
    { ...refused, details: { limit: 'password', ...repeats }, at: secondsAfter(at, 62) },
  ]
}

/** A stranger who has the password of one account tries codes until that is locked. */
export const codeGuessing = (random: Random, { id: userId, factor }: Person, begin: Date): TimedReport[] => {
  const client = newClient(random)
  const details = { reason: 'wrong code', purpose: 'LOGIN', method: factor?.method ?? 'TOTP' }
  const failed = { type: 'MFA_FAILED', outcome: 'FAILURE', userId, client, details } as const
  const times = Array.from({ length: passwordBudget.limit }, (_none, index) => secondsAfter(begin, 4 * index))
  const locked = { type: 'ACCOUNT_LOCKED', outcome: 'SUCCESS', userId, client, details: { scope: 'mfa' } } as const
  return [...times.map((at) => ({ ...failed, at })), { ...locked, at: times.at(-1) as Date }]
}

/** A stranger tries one stolen password each of many addresses, some of which have an account. */
export const stuff = (random: Random, people: readonly Person[], begin: Date): TimedReport[] => {
  const client = newClient(random)
  let at = begin
  const tries = Array.from({ length: stuffing.limit }, () => {
    at = secondsAfter(at, 1 + random.below(8))
    const isKnown = random.chance(0.5)
    const details = isKnown ? wrongPassword.details : { reason: 'unknown address' }
    return { ...wrongPassword, details, userId: isKnown ? random.oneOf(people).id : null, client, at }
  })
  const details = stuffingDetails(client.ipAddress)
  return [...tries, { type: 'CREDENTIAL_STUFFING', outcome: 'FAILURE', userId: null, client, details, at }]
}
