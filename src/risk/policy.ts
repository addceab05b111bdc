import type { EventDetails } from '../audit/security-event.ts'
import type { Budget } from '../budgets/budget.ts'
import type { Finding, RiskRule } from './finding.ts'

/** What may follow a finding, besides that it is recorded. */
export type RiskAction =
  /** The owner gets a mail (ASVS 6.3.5). */
  | 'NOTIFY'
  /** A trusted device does not stand for the second factor this time; who has none is not asked. */
  | 'SECOND_FACTOR'
  /** The sign-in fails as a wrong password does. */
  | 'REFUSE'
  /** The session ends (NIST SP 800-63B-4 §5.3). */
  | 'END_SESSION'

interface Row {
  /** How much it says of a thief, out of a hundred. The weights of findings that come together add up. */
  readonly weight: number
  readonly follows: readonly RiskAction[]
}

/** The whole policy: what each finding weighs, and what follows it by itself. */
export const policy: Readonly<Record<RiskRule, Row>> = {
  NEW_DEVICE: { weight: 10, follows: ['NOTIFY'] },
  NEW_LOCATION: { weight: 30, follows: ['NOTIFY', 'SECOND_FACTOR'] },
  IMPOSSIBLE_TRAVEL: { weight: 40, follows: ['NOTIFY', 'SECOND_FACTOR'] },
  CREDENTIAL_STUFFING: { weight: 60, follows: ['SECOND_FACTOR'] },
  SESSION_CONTEXT_CHANGED: { weight: 50, follows: ['NOTIFY'] },
  SESSION_COUNTRY_CHANGED: { weight: 50, follows: [] },
}

/**
 * From this sum on a session ends, and a sign-in with the password alone is refused where there is no second factor to ask
 * for. No sign-in reaches it but from a network that tries many accounts.
 */
export const certainWeight = 100

export const fastestKmPerHour = 1_000 // an airliner with the wind behind it
export const leastTravelKm = 500 // two places, each up to 200 km off in the data of cities, and 100 km between them
/** Accounts whose password one network gets wrong. Of ten people one mistypes: that many are 500 behind one address. */
export const stuffing: Budget = { limit: 50, windowSeconds: 15 * 60 }
export const mostContextsASession = 10 // told of; whoever holds a token must not flood its owner's mailbox

/** The weight of all that was found together. */
const weightOf = (findings: readonly Finding[]): number =>
  findings.reduce((sum, { rule }) => sum + policy[rule].weight, 0)

/** Whether what was found adds up to a thief. */
export const isCertain = (findings: readonly Finding[]): boolean => weightOf(findings) >= certainWeight

/** Whether a trusted device is asked for the second factor all the same. */
export const asksFactor = (findings: readonly Finding[]): boolean =>
  findings.some(({ rule }) => policy[rule].follows.includes('SECOND_FACTOR'))

/** What an event of findings holds: the evidence, what it weighs, and what was done. */
export const detailsOf = (findings: readonly Finding[], done: readonly RiskAction[]): EventDetails => ({
  ...Object.assign({}, ...findings.map(({ evidence }) => evidence)),
  weight: weightOf(findings),
  action: done.join(' '),
})

/** What the event of a network that tries many accounts holds. */
export const stuffingDetails = (network: string): EventDetails =>
  detailsOf(
    [{ rule: 'CREDENTIAL_STUFFING', evidence: { network, accounts: stuffing.limit } }],
    policy.CREDENTIAL_STUFFING.follows,
  )

/** The rules that found something, as one fact of an event. */
export const namesOf = (findings: readonly Finding[]): string => findings.map(({ rule }) => rule).join(' ')
