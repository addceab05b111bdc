import type { EventStore } from '../audit/event-store.ts'
import type { Transact } from '../db/transact.ts'
import type { Clock } from '../lib/clock.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { tokenReusedNotice } from '../messaging/notices.ts'
import { type ClientInfo, isInGrace } from './session.ts'
import type { CacheAnswer } from './session-cache-store.ts'
import type { EndedToken, RefreshedToken, SessionStore } from './session-store.ts'
import type { SessionToken } from './session-token.ts'

interface Stores {
  readonly sessions: Pick<SessionStore, 'end'>
  readonly events: Pick<EventStore, 'append'>
  readonly messages: Pick<MessageStore, 'enqueue'>
}

export interface TokenReuseDeps {
  readonly transact: Transact<Stores>
  readonly sessions: Pick<SessionStore, 'findRefreshed'>
  readonly tellEnded: (tokens: readonly EndedToken[]) => Promise<void>
  readonly wakeMailRelay: () => void
  readonly now: Clock
}

export type JudgeReplacedToken = (token: SessionToken, client: ClientInfo) => Promise<CacheAnswer>

/**
 * Says what a token counts that is no session's any more. The last one before a refresh still opens its session for a few
 * seconds, for parallel tabs, and opens nothing once a step-up came between. Later, or a refresh later, two have a copy and
 * one of them stole it: the session ends with TOKEN_REUSED, once however many use it, and its owner is told (threat D9).
 */
export const createJudgeReplacedToken = (deps: TokenReuseDeps): JudgeReplacedToken => {
  const { transact, sessions, tellEnded, wakeMailRelay, now } = deps

  const endFor = async ({ session, account }: RefreshedToken, client: ClientInfo): Promise<void> =>
    transact(async (stores) => {
      const at = now()
      const ended = await stores.sessions.end(session.id, 'TOKEN_REUSED', at)
      if (!ended) return
      const about = { userId: account.id, sessionId: session.id, client, details: { reason: 'TOKEN_REUSED' } }
      await stores.events.append({ type: 'SESSION_TOKEN_REUSED', outcome: 'DENIED', ...about })
      await stores.messages.enqueue(tokenReusedNotice(account.email, { ipAddress: client.ipAddress, at }), at)
      stores.afterCommit(() => tellEnded([ended.token]))
      stores.afterCommit(async () => wakeMailRelay())
    })

  return async (token, client) => {
    const found = await sessions.findRefreshed(token.hash)
    if (!found) return { kind: 'missing' }
    const { session, account } = found
    if (session.endReason) return { kind: 'ended', reason: session.endReason }
    if (isInGrace(found, now())) {
      if (found.isSuccessorCurrent) return { kind: 'live', copy: '', session, account }
      const wasRefreshedAgain = await sessions.findRefreshed(found.successorHash)
      if (!wasRefreshedAgain) return { kind: 'missing' }
    }
    await endFor(found, client)
    const after = await sessions.findRefreshed(token.hash)
    return { kind: 'ended', reason: after?.session.endReason ?? 'TOKEN_REUSED' }
  }
}
