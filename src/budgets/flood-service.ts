import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { EventReport } from '../audit/security-event.ts'
import { AppError } from '../failure.ts'
import { isPublic, networkOf } from '../lib/network.ts'
import { detailsOf, policy, stuffing } from '../risk/policy.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import { type Budget, networkWindowSeconds, userBudgets } from './budget.ts'
import type { FloodStore } from './flood-store.ts'

/** What is counted by network, each by itself. */
export type NetworkLimit = 'failures' | 'registrations' | 'resets'

export interface FloodGuard {
  /**
   * Claims one unit for the client's network, and says whether many accounts were tried from it lately. Throws RATE_LIMITED,
   * and records it, when there is none.
   */
  claim(kind: NetworkLimit, client: ClientInfo): Promise<boolean>
  /** Gives the unit back, outside the request: the try was right. */
  release(kind: NetworkLimit, client: ClientInfo): void
  /** Claims one unit of what a signed-in user may ask for. Throws RATE_LIMITED, and records it, when there is none. */
  claimOfUser(kind: keyof typeof userBudgets, caller: SignedInCaller, client: ClientInfo): Promise<void>
  /** Counts an account, known or not, whose password the client's network got wrong; records it when those are too many. */
  noteFailure(account: string, client: ClientInfo): Promise<void>
}

/** Limits what one network may try, whoever it tries it on (ASVS 6.3.1): `limit` units of each kind in a quarter of an hour. */
export const createFloodGuard = (floods: FloodStore, recordEvent: RecordEvent, limit: number): FloodGuard => {
  const budget = { limit, windowSeconds: networkWindowSeconds }
  const subjectOf = (kind: NetworkLimit, { ipAddress }: ClientInfo) => `${kind}:${networkOf(ipAddress)}`
  const claimOne = async (subject: string, of: Budget, report: Pick<EventReport, 'userId' | 'client' | 'details'>) => {
    const { waitMs, isSuspect } = await floods.claim(subject, of)
    if (waitMs === 0) return isSuspect
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
      if (!(await floods.countDistinct(subjectOf('failures', client), account, stuffing))) return
      const evidence = { network: networkOf(client.ipAddress), accounts: stuffing.limit }
      const details = detailsOf([{ rule: 'CREDENTIAL_STUFFING', evidence }], policy.CREDENTIAL_STUFFING.follows)
      await recordEvent({ type: 'CREDENTIAL_STUFFING', outcome: 'FAILURE', userId: null, client, details })
    },
    release(kind, client) {
      floods.release(subjectOf(kind, client)).catch(() => {})
    },
  }
}
