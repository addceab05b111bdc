import type { Clock } from '../lib/clock.ts'
import type { SessionEndReason } from './session.ts'
import type { EndedToken, SessionStore } from './session-store.ts'

export interface EndedTokensDeps {
  readonly sessions: Pick<SessionStore, 'listUntold' | 'markTold'>
  readonly now: Clock
}

export type MarkEnded = (tokens: readonly EndedToken[]) => Promise<void>

const memorySeconds = 10 * 60 // far longer than it takes any server to tell Redis
const batchSize = 500

/**
 * What this server knows of tokens that Redis may still hold as live. PostgreSQL announces every end to all servers,
 * and keeps it on a list until Redis was told; what is remembered here overrules Redis meanwhile.
 */
export const createEndedTokens = ({ sessions, now }: EndedTokensDeps) => {
  const remembered = new Map<string, { reason: SessionEndReason | null; until: number }>()
  let isConnected = false
  let isCaughtUp = false
  let turn = 0 // of connecting and losing the connection, so that what began in one says nothing of the next

  const remember = (tokenHash: string, reason: SessionEndReason | null): void => {
    const time = now().getTime()
    for (const [hash, { until }] of remembered) {
      if (until > time) break // oldest first
      remembered.delete(hash)
    }
    remembered.delete(tokenHash) // a known key would keep its old place
    remembered.set(tokenHash, { reason, until: time + memorySeconds * 1000 })
  }

  return {
    /** The reason of an end not yet certain to be in Redis; null for a replaced token; undefined when nothing is known. */
    reasonFor: (tokenHash: string): SessionEndReason | null | undefined => remembered.get(tokenHash)?.reason,

    /** Whether announcements arrive, and none is missing. While not, Redis alone proves nothing. */
    isListening: (): boolean => isConnected && isCaughtUp,
    connected(): void {
      turn++
      isConnected = true
      isCaughtUp = false
    },
    interrupted(): void {
      turn++
      isConnected = false
    },

    hear(payload: string): void {
      const [tokenHash, reason] = JSON.parse(payload) as [string, SessionEndReason | null]
      remember(tokenHash, reason)
    },

    /** Tells Redis of ends that were just committed. When Redis fails they stay on the list, for any server to tell. */
    async tell(tokens: readonly EndedToken[], markEnded: MarkEnded): Promise<void> {
      for (const { tokenHash, reason } of tokens) remember(tokenHash, reason)
      await markEnded(tokens)
      await sessions.markTold(tokens.map((token) => token.tokenHash))
    },

    /** Works the list off: before Redis is trusted, after the listener connects, and now and then. */
    async tellAll(markEnded: MarkEnded): Promise<void> {
      const startedIn = turn
      for (;;) {
        const untold = await sessions.listUntold(batchSize)
        if (untold.length === 0) break
        for (const { tokenHash, reason } of untold) remember(tokenHash, reason)
        await markEnded(untold)
        await sessions.markTold(untold.map((token) => token.tokenHash))
      }
      if (turn === startedIn) isCaughtUp = true
    },
  }
}
