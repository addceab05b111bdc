import type { Account } from '../accounts/account.ts'
import { AppError } from '../failure.ts'
import { createBatch } from '../lib/batch.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { DeadlineExceeded, withDeadline } from '../lib/deadline.ts'
import type { JudgeContext } from '../risk/session-context-service.ts'
import { endReasonOfClosed } from './closed-account.ts'
import {
  type ClientInfo,
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
import type { JudgeReplacedToken } from './token-reuse-service.ts'

export interface SessionCheckDeps {
  readonly parseToken: (text: string) => SessionToken | null
  readonly cache: Pick<SessionCacheStore, 'find' | 'writeBack' | 'renew'>
  readonly isCacheTrusted: () => boolean
  /** Whether this server hears of ends. While not, Redis proves nothing. */
  readonly isListening: () => boolean
  readonly endedReasonFor: (tokenHash: string) => SessionEndReason | null | undefined
  readonly sessions: Pick<SessionStore, 'findByTokens' | 'touch'>
  /** Says what a token counts that opens no session any more, where it once did. */
  readonly judgeReplaced: JudgeReplacedToken
  /** Why a live session is ended for where it is used from now; null, mostly without a wait, where it goes on. */
  readonly judgeContext: JudgeContext
  /** Records that a session ran out of time, if its record says so too. */
  readonly expire: (session: Session, reason: SessionEndReason) => Promise<void>
  readonly limits: SessionLimits
  readonly now: Clock
}

export type SessionVerdict =
  | { readonly kind: 'live'; readonly session: Session; readonly account: Account; readonly token: SessionToken }
  | { readonly kind: 'ended'; readonly reason: SessionEndReason }
  | { readonly kind: 'unknown' }

const mostTokensARead = 200
const longestReadMs = 1_200 // two of them, and Redis before, still leave a request inside the promised 3 s

export type CheckSession = (tokenText: string, client: ClientInfo) => Promise<SessionVerdict>

/**
 * Says whose live session a token opens. One Redis command on the usual way; PostgreSQL answers when Redis is away, or
 * does not know, or knows that the token was replaced, with one statement at a time for all who ask. Throws SERVICE_DEGRADED
 * when neither can tell.
 */
export const createSessionCheck = (deps: SessionCheckDeps): CheckSession => {
  const { parseToken, cache, isCacheTrusted, isListening, endedReasonFor, sessions, expire, limits, now } = deps
  const touching = new Set<string>()

  const readRecords = createBatch(async (hashes) => {
    const records = await sessions.findByTokens(hashes)
    if (isCacheTrusted()) for (const [hash, record] of records) writeBack(hash, record)
    return records
  }, mostTokensARead)

  const writeBack = (hash: string, record: CachedSession): void => {
    if (!record.session.endReason) cache.writeBack({ tag: record.account.sessionTag, hash }, record).catch(() => {})
  }

  const readRecord = async (token: SessionToken): Promise<CacheAnswer> => {
    const record = await inTime(readRecords(token.hash))
    if (!record) return { kind: 'missing' }
    if (record.session.endReason) return { kind: 'ended', reason: record.session.endReason }
    return { kind: 'live', copy: '', ...record }
  }

  const look = async (token: SessionToken): Promise<CacheAnswer> => {
    if (isListening() && isCacheTrusted()) {
      const answer = await cache.find(token).catch((): CacheAnswer => ({ kind: 'missing' }))
      if (answer.kind !== 'missing') return answer
    }
    try {
      return await readRecord(token)
    } catch (problem) {
      // PostgreSQL does not answer this server: the copy is the best there is, and it allows reads alone.
      const answer = await cache.find(token).catch(() => null)
      if (!answer || answer.kind === 'missing') throw problem
      return answer
    }
  }

  /** Ends a session that seems to have run out of time, unless its record knows that it was used since. */
  const settle = async (
    token: SessionToken,
    overdue: CachedSession & { copy: string },
    reason: SessionEndReason,
  ): Promise<CacheAnswer> => {
    try {
      await expire(overdue.session, reason)
      const record = await readRecord(token)
      return record.kind === 'live' ? { ...record, copy: overdue.copy } : record
    } catch {
      return { kind: 'ended', reason } // refused all the same; the next try records it
    }
  }

  const touch = async (token: SessionToken, copy: string, { session }: CachedSession): Promise<void> => {
    const deadlines = deadlinesFrom(now(), session.expiresAt, limits)
    const seenBefore = secondsAfter(deadlines.lastSeenAt, -touchIntervalSeconds)
    touching.add(token.hash)
    await Promise.allSettled([
      sessions.touch(session.id, deadlines, seenBefore),
      copy && cache.renew(token, copy, { ...session, ...deadlines }),
    ])
    touching.delete(token.hash)
  }

  return async (tokenText, client) => {
    const token = parseToken(tokenText)
    if (!token) return { kind: 'unknown' }
    let answer: CacheAnswer | undefined
    if (endedReasonFor(token.hash) === undefined) answer = await look(token)
    if (answer?.kind === 'live') {
      const reason = endReasonAt(answer.session, now())
      if (reason) answer = await settle(token, answer, reason)
    }
    // An end may have been announced while we looked.
    const announced = endedReasonFor(token.hash)
    if (announced !== undefined) answer = { kind: 'ended', reason: announced }
    if (answer?.kind === 'missing' || (answer?.kind === 'ended' && !answer.reason)) {
      answer = await inTime(deps.judgeReplaced(token, client))
    }
    if (answer?.kind === 'ended' && answer.reason) return { kind: 'ended', reason: answer.reason }
    if (answer?.kind !== 'live') return { kind: 'unknown' }
    // The copy of the account may know of a suspension or erasure before that of the session does.
    const closed = endReasonOfClosed(answer.account)
    if (closed) return { kind: 'ended', reason: closed }
    if (answer.account.status !== 'ACTIVE') return { kind: 'unknown' }
    const { copy, session, account } = answer
    const danger = deps.judgeContext(session, account, client)
    const risk = danger && (await danger)
    if (risk) return { kind: 'ended', reason: risk }
    const cached = { session, account }
    if (isTouchDue(session, now()) && !touching.has(token.hash)) void touch(token, copy, cached)
    return { kind: 'live', session, account, token }
  }
}

/** Waits may add up where PostgreSQL is slow: one for the read before, one for one's own, and more for what follows. */
const inTime = <T>(work: Promise<T>): Promise<T> =>
  withDeadline(work, longestReadMs, 'PostgreSQL').catch((problem: unknown) => {
    throw problem instanceof DeadlineExceeded ? new AppError('SERVICE_DEGRADED') : problem
  })
