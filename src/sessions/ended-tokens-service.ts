import { setTimeout as pause } from 'node:timers/promises'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import type { SessionEndReason } from './session.ts'
import type { EndedToken, ListedToken, SessionStore } from './session-store.ts'

export interface EndedTokensDeps {
  readonly sessions: Pick<
    SessionStore,
    'listEnded' | 'listUntold' | 'listStaleUser' | 'markTold' | 'areTold' | 'askToTell'
  >
  /** Whether there is a Redis that another server may reach while this one does not. */
  readonly isRedisShared: boolean
  readonly now: Clock
}

export type MarkEnded = (tokens: readonly EndedToken[]) => Promise<void>

/** How long an end stays in mind, and on the list: far longer than any server takes to tell Redis, or to notice a promotion. */
export const endedTokenMemorySeconds = 10 * 60
const batchSize = 500
const firstWaitMs = 15 // one that reaches Redis needs hardly more; each wait is longer than the one before
const answerDeadlineMs = 600 // then nobody reaches Redis, and everybody asks PostgreSQL

/**
 * What this server knows of tokens that Redis may still hold as live. PostgreSQL announces every end to all servers,
 * and keeps a list of those that Redis was not told; what is remembered here overrules Redis meanwhile.
 */
export const createEndedTokens = ({ sessions, isRedisShared, now }: EndedTokensDeps) => {
  const remembered = new Map<string, { reason: SessionEndReason | null; until: number }>()
  let isConnected = false
  let isCaughtUp = false
  let telling: Promise<void> | undefined
  let isAskedAgain = false // since the list was last read
  let turn = 0 // of connecting and losing the connection, so that what began in one says nothing of the next

  const remember = (tokenHash: string, reason: SessionEndReason | null): void => {
    const time = now().getTime()
    for (const [hash, { until }] of remembered) {
      if (until > time) break // oldest first
      remembered.delete(hash)
    }
    remembered.delete(tokenHash) // a known key would keep its old place
    remembered.set(tokenHash, { reason, until: time + endedTokenMemorySeconds * 1000 })
  }

  const tellListed = async (tokens: readonly ListedToken[], markEnded: MarkEnded): Promise<void> => {
    for (const { tokenHash, reason } of tokens) remember(tokenHash, reason)
    await markEnded(tokens)
    await sessions.markTold(hashesOf(tokens), now())
  }

  const tellWholeList = async (markEnded: MarkEnded): Promise<void> => {
    for (;;) {
      const untold = await sessions.listUntold(batchSize)
      if (untold.length === 0) return
      await tellListed(untold, markEnded)
    }
  }

  /** Resolves once another server has told Redis; rejects with the problem when none does. */
  const letOthersTell = async (tokens: readonly EndedToken[], problem: unknown): Promise<void> => {
    if (!isRedisShared) throw problem
    await sessions.askToTell()
    const deadline = performance.now() + answerDeadlineMs
    for (let waitMs = firstWaitMs; !(await sessions.areTold(hashesOf(tokens))); waitMs *= 1.5) {
      if (performance.now() > deadline) throw problem
      await pause(waitMs)
    }
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

    /**
     * Tells Redis of ends that were just committed; when this server does not reach it, has one that does tell it. Resolves
     * when no server believes Redis' copies of them any more. Rejects when no server reached Redis in time: the ends
     * stay on the list, for the first that does.
     */
    async tell(tokens: readonly EndedToken[], markEnded: MarkEnded): Promise<void> {
      for (const { tokenHash, reason } of tokens) remember(tokenHash, reason)
      try {
        await markEnded(tokens)
      } catch (problem) {
        return letOthersTell(tokens, problem)
      }
      await sessions.markTold(hashesOf(tokens), now())
    },

    /**
     * Has the copy of a user who changed dropped by a server that reaches Redis, as this one could not renew it. Rejects when
     * none does in time: then whoever comes to trust Redis drops it first.
     */
    async dropUser(sessionTag: string, problem: unknown): Promise<void> {
      if (!isRedisShared) throw problem
      await letOthersTell([await sessions.listStaleUser(sessionTag, now())], problem)
    },

    /** Tells Redis of what nobody told it yet: now and then, and when another server asks for it. Many calls at once are one. */
    tellUntold(markEnded: MarkEnded): Promise<void> {
      isAskedAgain = true
      telling ??= (async () => {
        while (isAskedAgain) {
          isAskedAgain = false
          await tellWholeList(markEnded)
        }
      })().finally(() => {
        telling = undefined
      })
      return telling
    },

    /**
     * Tells Redis of every end that it can have missed, however it lost it: before Redis is trusted, and after the listener
     * connects. From then on this server knows of all ends of the last minutes.
     */
    async catchUp(markEnded: MarkEnded): Promise<void> {
      const startedIn = turn
      const since = secondsAfter(now(), -endedTokenMemorySeconds)
      let last: ListedToken | undefined
      do {
        const page = await sessions.listEnded(since, last ?? null, batchSize)
        if (page.length > 0) await tellListed(page, markEnded)
        last = page.length === batchSize ? page.at(-1) : undefined
      } while (last)
      await tellWholeList(markEnded)
      if (turn === startedIn) isCaughtUp = true
    },

    isCaughtUp: (): boolean => isCaughtUp,
  }
}

const hashesOf = (tokens: readonly EndedToken[]): string[] => tokens.map(({ tokenHash }) => tokenHash)
