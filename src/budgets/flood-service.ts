import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { EventReport } from '../audit/security-event.ts'
import { AppError } from '../failure.ts'
import { networkOf } from '../lib/network.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import { type Budget, networkWindowSeconds, userBudgets } from './budget.ts'
import type { FloodStore } from './flood-store.ts'

/** What is counted by network, each by itself. */
export type NetworkLimit = 'failures' | 'registrations' | 'resets'

export interface FloodGuard {
  /** Claims one unit for the client's network. Throws RATE_LIMITED, and records it, when there is none. */
  claim(kind: NetworkLimit, client: ClientInfo): Promise<void>
  /** Gives the unit back, outside the request: the try was right. */
  release(kind: NetworkLimit, client: ClientInfo): void
  /** Claims one unit of what a signed-in user may ask for. Throws RATE_LIMITED, and records it, when there is none. */
  claimOfUser(kind: keyof typeof userBudgets, caller: SignedInCaller, client: ClientInfo): Promise<void>
}

/** Limits what one network may try, whoever it tries it on (ASVS 6.3.1): `limit` units of each kind in a quarter of an hour. */
export const createFloodGuard = (
  floods: Pick<FloodStore, 'claim' | 'release'>,
  recordEvent: RecordEvent,
  limit: number,
): FloodGuard => {
  const budget = { limit, windowSeconds: networkWindowSeconds }
  const subjectOf = (kind: NetworkLimit, { ipAddress }: ClientInfo) => `${kind}:${networkOf(ipAddress)}`
  const claimOne = async (subject: string, of: Budget, report: Pick<EventReport, 'userId' | 'client' | 'details'>) => {
    const waitMs = await floods.claim(subject, of)
    if (waitMs === 0) return
    await recordEvent({ type: 'RATE_LIMITED', outcome: 'DENIED', ...report })
    throw new AppError('RATE_LIMITED', { retryAfterSeconds: Math.ceil(waitMs / 1000) })
  }
  return {
    claim: (kind, client) =>
      claimOne(subjectOf(kind, client), budget, { userId: null, client, details: { limit: `network ${kind}` } }),
    claimOfUser: (kind, { account: { id: userId } }, client) =>
      claimOne(`${kind}:${userId}`, userBudgets[kind], { userId, client, details: { limit: `user ${kind}` } }),
    release(kind, client) {
      floods.release(subjectOf(kind, client)).catch(() => {})
    },
  }
}
