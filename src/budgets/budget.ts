/** How often something may be tried: `limit` times in a window that begins with the first try. */
export interface Budget {
  readonly limit: number
  readonly windowSeconds: number
}

const minute = 60
const hour = 60 * minute
const day = 24 * hour

/** Wrong passwords: an account's from all strangers together, and one for each place that signed in before. */
export const passwordBudget: Budget = { limit: 10, windowSeconds: 15 * minute }
/** Wrong codes of an account, over all challenges, methods, addresses and sessions. */
export const mfaBudget: Budget = { limit: 10, windowSeconds: 15 * minute }
/** How long the failure that uses a budget up closes it. */
export const lockSeconds = 15 * minute

/** How long the tries of one network are counted; NETWORK_LIMIT says how many there may be. */
export const networkWindowSeconds = 15 * minute

/** Mail to one mailbox that anybody can set off. */
export const mailboxBudgets = {
  confirmations: { limit: 10, windowSeconds: hour },
  resets: { limit: 10, windowSeconds: hour },
  /** Asked for by one user, whomever they go to. */
  addressChanges: { limit: 10, windowSeconds: hour },
  locks: { limit: 3, windowSeconds: day },
  refusals: { limit: 3, windowSeconds: day },
} as const satisfies Record<string, Budget>

/** What one signed-in user may ask for, each of which costs rows or time: far more than pages need. */
export const userBudgets = {
  refreshes: { limit: 200, windowSeconds: 15 * minute },
  accessTokens: { limit: 1_000, windowSeconds: 15 * minute },
  consents: { limit: 100, windowSeconds: 15 * minute },
  /** Each reads all that is held about the user. */
  exports: { limit: 5, windowSeconds: hour },
} as const satisfies Record<string, Budget>

/** Text messages. Those that count codes nobody enters get back what is entered: pumped numbers never enter one. */
export const smsBudgets = {
  number: { limit: 10, windowSeconds: hour },
  numberDaily: { limit: 20, windowSeconds: day },
  user: { limit: 10, windowSeconds: hour },
  userDaily: { limit: 20, windowSeconds: day },
  network: { limit: 100, windowSeconds: hour },
  unansweredPrefix: { limit: 50, windowSeconds: hour },
  unansweredCountryDaily: { limit: 1_000, windowSeconds: day },
} as const satisfies Record<string, Budget>

/** One unit asked of one budget. */
export interface Claim extends Budget {
  readonly subject: string
  /** Whose sign-in it limits, for it to be opened with the account's other locks. */
  readonly userId?: string
}

/** The whole seconds until an instant, at least one: what a refusal tells the client to wait. */
export const secondsUntil = (instant: Date, now: Date): number =>
  Math.max(1, Math.ceil((instant.getTime() - now.getTime()) / 1000))

export const mfaSubject = (userId: string): string => `mfa:${userId}`

/** What is counted under a user's id. */
export const userSubjects = (userId: string) => ({
  lockNotices: `lock notices to ${userId}`,
  refusalNotices: `refusal notices to ${userId}`,
  addressChanges: `address changes of ${userId}`,
  sms: `sms user ${userId}`,
  smsDaily: `sms user today ${userId}`,
})
