import type { Account } from '../accounts/account.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { createSingleFlight } from '../lib/single-flight.ts'
import {
  deadlinesFrom,
  endReasonAt,
  isTouchDue,
  type Session,
  type SessionEndReason,
  type SessionLimits,
  touchIntervalSeconds,
} from './session.ts'
import type { CacheAnswer, CachedSession, SessionCacheStore } from './session-cache-store.ts'
import type { SessionStore } from './session-store.ts'
import type { SessionToken } from './session-token.ts'

export interface SessionCheckDeps {
  readonly parseToken: (text: string) => SessionToken | null
  readonly cache: Pick<SessionCacheStore, 'find' | 'writeBack' | 'renew'>
  readonly isCacheTrusted: () => boolean
  readonly endedReasonFor: (tokenHash: string) => SessionEndReason | null | undefined
  readonly sessions: Pick<SessionStore, 'findByToken' | 'touch'>
  /** Records that a session ran out; called once it is known. */
  readonly expire: (session: Session, reason: SessionEndReason) => Promise<void>
  readonly limits: SessionLimits
  readonly now: Clock
}

export type SessionVerdict =
  | { readonly kind: 'live'; readonly session: Session; readonly account: Account; readonly token: SessionToken }
  | { readonly kind: 'ended'; readonly reason: SessionEndReason }
  | { readonly kind: 'unknown' }

export type CheckSession = (tokenText: string) => Promise<SessionVerdict>

/**
 * Says whose live session a token opens. One Redis command on the usual way; PostgreSQL answers when Redis is away or
 * does not know, with one read a token however many ask. Throws SERVICE_DEGRADED when neither can tell.
 */
export const createSessionCheck = (deps: SessionCheckDeps): CheckSession => {
  const { parseToken, cache, isCacheTrusted, endedReasonFor, sessions, expire, limits, now } = deps
  const shareRead = createSingleFlight<CacheAnswer>()
  const shareTouch = createSingleFlight<void>()

  const readRecord = async (token: SessionToken): Promise<CacheAnswer> => {
    const record = await sessions.findByToken(token.hash)
    if (!record) return { kind: 'missing' }
    if (record.session.endReason) return { kind: 'ended', reason: record.session.endReason }
    if (isCacheTrusted()) await cache.writeBack(token, record).catch(() => {})
    return { kind: 'live', copy: '', ...record }
  }

  const look = async (token: SessionToken): Promise<CacheAnswer> => {
    if (isCacheTrusted()) {
      const answer = await cache.find(token).catch((): CacheAnswer => ({ kind: 'missing' }))
      if (answer.kind !== 'missing') return answer
    }
    try {
      return await shareRead(token.hash, () => readRecord(token))
    } catch (problem) {
      // With PostgreSQL away nobody can end a session, so the copy is right where there is one.
      const answer = await cache.find(token).catch(() => null)
      if (!answer || answer.kind === 'missing') throw problem
      return answer
    }
  }

  const touch = async (token: SessionToken, copy: string, { session }: CachedSession): Promise<void> => {
    const deadlines = deadlinesFrom(now(), session.expiresAt, limits)
    const seenBefore = secondsAfter(deadlines.lastSeenAt, -touchIntervalSeconds)
    await Promise.allSettled([
      sessions.touch(session.id, deadlines, seenBefore),
      copy && cache.renew(token, copy, { ...session, ...deadlines }),
    ])
  }

  return async (tokenText) => {
    const token = parseToken(tokenText)
    if (!token) return { kind: 'unknown' }
    const known = endedReasonFor(token.hash)
    if (known !== undefined) return known ? { kind: 'ended', reason: known } : { kind: 'unknown' }

    let answer = await look(token)
    if (answer.kind === 'live' && answer.copy && endReasonAt(answer.session, now())) {
      // The copy may have missed that the session was used: before it ends for good, the record is asked.
      const record = await shareRead(token.hash, () => readRecord(token))
      answer = record.kind === 'live' ? { ...record, copy: answer.copy } : record
    }
    if (answer.kind === 'missing') return { kind: 'unknown' }
    if (answer.kind === 'ended') return answer.reason ? { kind: 'ended', reason: answer.reason } : { kind: 'unknown' }
    const { copy, session, account } = answer
    const over = endReasonAt(session, now())
    if (over) {
      await expire(session, over).catch(() => {}) // refused all the same; the next try records it
      return { kind: 'ended', reason: over }
    }
    if (account.status !== 'ACTIVE') return { kind: 'unknown' }
    if (isTouchDue(session, now())) void shareTouch(token.hash, () => touch(token, copy, answer))
    return { kind: 'live', session, account, token }
  }
}
