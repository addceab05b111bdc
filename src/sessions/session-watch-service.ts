import type { Account } from '../accounts/account.ts'
import { createBatch } from '../lib/batch.ts'
import type { Clock } from '../lib/clock.ts'
import { endReasonOfClosed } from './closed-account.ts'
import { endReasonAt, type Session, type SessionEndReason } from './session.ts'
import type { SessionRecord, SessionStore } from './session-store.ts'

export interface SessionWatchDeps {
  readonly findByIds: SessionStore['findByIds']
  /** Records that a session ran out of time, if its record says so too. */
  readonly expire: (session: Session, reason: SessionEndReason) => Promise<void>
  readonly now: Clock
}

/** How a session ended, for those who watch it. */
export interface SessionEnd extends SessionRecord {
  readonly reason: SessionEndReason
}

/** What the record says of a session; null of one that it does not have, or whose user may not be signed in. */
export type Standing =
  | ({ readonly kind: 'live' } & SessionRecord)
  | ({ readonly kind: 'ended' } & SessionEnd)
  | { readonly kind: 'unknown' }

type OnEnd = (end: SessionEnd | null) => void

interface Watched {
  readonly sessionTag: string
  readonly watchers: Set<OnEnd>
  deadline: number
}

export type SessionWatch = ReturnType<typeof createSessionWatch>

const mostSessionsARead = 500
const tickMs = 1_000
const ticksToRecheck = 20 // whatever was missed is noticed within thirty seconds (threat I12)

/**
 * Watches the sessions of open sockets by their ids, as a token may be replaced while its session lives on. An end is noticed
 * when it is announced, when a deadline passes, and by looking every twenty seconds.
 */
export const createSessionWatch = ({ findByIds, expire, now }: SessionWatchDeps) => {
  const watched = new Map<string, Watched>()
  const byTag = new Map<string, Set<string>>()
  const read = createBatch(findByIds, mostSessionsARead)
  const isDue = new Set<string>() // could not be read when it should have been
  let ticks = 0

  const standingIn = async (id: string): Promise<Standing> => {
    let record = await read(id)
    const overdue = record && !record.session.endReason ? endReasonAt(record.session, now()) : null
    if (record && overdue) {
      await expire(record.session, overdue)
      record = await read(id)
    }
    if (!record) return { kind: 'unknown' }
    const { endReason } = record.session
    const reason = endReason ?? endReasonOfClosed(record.account)
    if (reason) return { kind: 'ended', reason, ...record }
    return record.account.status === 'ACTIVE' ? { kind: 'live', ...record } : { kind: 'unknown' }
  }

  /** What the record says now. Whoever watches a session that is over is told before the answer comes. */
  const standing = async (id: string): Promise<Standing> => {
    const found = await standingIn(id)
    const entry = watched.get(id)
    if (found.kind === 'live') {
      if (entry) entry.deadline = found.session.idleExpiresAt.getTime()
    } else {
      for (const onEnd of entry?.watchers ?? []) onEnd(found.kind === 'ended' ? found : null)
    }
    return found
  }

  const check = (id: string): void => {
    isDue.delete(id)
    standing(id).catch(() => isDue.add(id))
  }

  const checkAll = (): void => {
    for (const id of watched.keys()) check(id)
  }

  const timer = setInterval(() => {
    ticks++
    if (ticks % ticksToRecheck === 0) return checkAll()
    const time = now().getTime()
    for (const [id, { deadline }] of watched) if (deadline <= time || isDue.has(id)) check(id)
  }, tickMs)

  return {
    standing,
    checkAll,
    stop: (): void => clearInterval(timer),

    /** Takes the announcement of an end. Servers of an older version don't say whose. */
    hear(payload: string): void {
      const [, reason, sessionTag] = JSON.parse(payload) as [string, SessionEndReason | null, string?]
      if (reason === null) return
      for (const id of sessionTag === undefined ? watched.keys() : (byTag.get(sessionTag) ?? [])) check(id)
    },

    countOf: (sessionId: string): number => watched.get(sessionId)?.watchers.size ?? 0,

    /** Calls `onEnd` when the session is over, with null when the record has it no more, until the returned function is called. */
    watch({ id, idleExpiresAt }: Session, { sessionTag }: Account, onEnd: OnEnd): () => void {
      const entry = watched.get(id) ?? { sessionTag, watchers: new Set(), deadline: idleExpiresAt.getTime() }
      watched.set(id, entry)
      byTag.set(sessionTag, (byTag.get(sessionTag) ?? new Set()).add(id))
      entry.watchers.add(onEnd)
      check(id) // it may have ended between its check and this
      return () => {
        entry.watchers.delete(onEnd)
        if (entry.watchers.size > 0) return
        watched.delete(id)
        isDue.delete(id)
        const ids = byTag.get(sessionTag)
        ids?.delete(id)
        if (ids?.size === 0) byTag.delete(sessionTag)
      }
    },
  }
}
