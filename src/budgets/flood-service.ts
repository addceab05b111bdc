import type { RecordEvent } from '../audit/event-recording-service.ts'
import { AppError } from '../failure.ts'
import { networkOf } from '../lib/network.ts'
import type { ClientInfo } from '../sessions/session.ts'
import { networkWindowSeconds } from './budget.ts'
import type { FloodStore } from './flood-store.ts'

/** What is counted by network, each by itself. */
export type NetworkLimit = 'failures' | 'registrations' | 'resets'

export interface FloodGuard {
  /** Claims one unit for the client's network. Throws RATE_LIMITED, and records it, when there is none. */
  claim(kind: NetworkLimit, client: ClientInfo): Promise<void>
  /** Gives the unit back, outside the request: the try was right. */
  release(kind: NetworkLimit, client: ClientInfo): void
}

/** Limits what one network may try, whoever it tries it on (ASVS 6.3.1): `limit` units of each kind in a quarter of an hour. */
export const createFloodGuard = (
  floods: Pick<FloodStore, 'claim' | 'release'>,
  recordEvent: RecordEvent,
  limit: number,
): FloodGuard => {
  const budget = { limit, windowSeconds: networkWindowSeconds }
  const subjectOf = (kind: NetworkLimit, { ipAddress }: ClientInfo) => `${kind}:${networkOf(ipAddress)}`
  return {
    async claim(kind, client) {
      const waitMs = await floods.claim(subjectOf(kind, client), budget)
      if (waitMs === 0) return
      const details = { limit: `network ${kind}` }
      await recordEvent({ type: 'RATE_LIMITED', outcome: 'DENIED', userId: null, client, details })
      throw new AppError('RATE_LIMITED', { retryAfterSeconds: Math.ceil(waitMs / 1000) })
    },
    release(kind, client) {
      floods.release(subjectOf(kind, client)).catch(() => {})
    },
  }
}
