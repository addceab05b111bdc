import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { EventDetails, EventReport } from '../audit/security-event.ts'
import { AppError } from '../failure.ts'
import { isPublic, networkOf } from '../lib/network.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import { type Budget, networkWindowSeconds, userBudgets } from './budget.ts'
import type { FloodStore } from './flood-store.ts'

/** What is counted by network, each by itself. */
export type NetworkLimit = 'failures' | 'registrations' | 'resets'

/** When a network is trying too many accounts, and what the event of it holds. */
export interface Stuffing {
  readonly budget: Budget
  readonly detailsOf: (network: string) => EventDetails
}

export interface NetworkClaim {
  /** Whether many accounts were tried from the network lately. */
  readonly isSuspect: boolean
}

export interface FloodGuard {
  /** Claims one unit for the client's network. Throws RATE_LIMITED, and records it, when there is none. */
  claim(kind: NetworkLimit, client: ClientInfo): Promise<NetworkClaim>
  /** Gives the unit back, outside the request: the try was right. */
  release(kind: NetworkLimit, client: ClientInfo): void
  /** Claims one unit of what a signed-in user may ask for. Throws RATE_LIMITED, and records it, when there is none. */
  claimOfUser(kind: keyof typeof userBudgets, caller: SignedInCaller, client: ClientInfo): Promise<void>
  /**
   * Counts an account, known or not, whose password the client's network got wrong; records it when those are too many,
   * once in a window. Rejects where it can't be recorded: then the next failure from there records it.
   */
  noteFailure(account: string, client: ClientInfo): Promise<void>
}

/** Limits what one network may try, whoever it tries it on (ASVS 6.3.1): `limit` units of each kind in a quarter of an hour. */
export const createFloodGuard = (
  floods: FloodStore,
  recordEvent: RecordEvent,
  limit: number,
  stuffing: Stuffing,
): FloodGuard => {
  const budget = { limit, windowSeconds: networkWindowSeconds }
  const subjectOf = (kind: NetworkLimit, { ipAddress }: ClientInfo) => `${kind}:${networkOf(ipAddress)}`
  const claimOne = async (subject: string, of: Budget, report: Pick<EventReport, 'userId' | 'client' | 'details'>) => {
    const { waitMs, isSuspect } = await floods.claim(subject, of)
    if (waitMs === 0) return { isSuspect }
    await recordEvent({ type: 'RATE_LIMITED', outcome: 'DENIED', ...report })
    throw new AppError('RATE_LIMITED', { retryAfterSeconds: Math.ceil(waitMs / 1000) })
  }
  return {
    claim: (kind, client) =>
      claimOne(subjectOf(kind, client), budget, { userId: null, client, details: { limit: `network ${kind}` } }),
    async claimOfUser(kind, { account: { id: userId } }, client) {
      await claimOne(`${kind}:${userId}`, userBudgets[kind], { userId, client, details: { limit: `user ${kind}` } })
    },
    async noteFailure(account, client) {
      if (!isPublic(client.ipAddress)) return // no network of a client's
      const subject = subjectOf('failures', client)
      if (!(await floods.countDistinct(subject, account, stuffing.budget))) return
      const details = stuffing.detailsOf(networkOf(client.ipAddress))
      const report = { type: 'CREDENTIAL_STUFFING', outcome: 'FAILURE', userId: null, client, details } as const
      await recordEvent(report).catch(async (problem: unknown) => {
        await floods.clearSuspect(subject).catch(() => {})
        throw problem
      })
    },
    release(kind, client) {
      floods.release(subjectOf(kind, client)).catch(() => {})
    },
  }
}
