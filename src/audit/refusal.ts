import { createHash } from 'node:crypto'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { networkOf } from '../lib/network.ts'
import type { EventReport, SecurityEventType } from './security-event.ts'

/** A refusal and what it is counted under. */
export interface Refusal {
  readonly subject: string
  readonly report: EventReport
}

/** Refusals of one subject that came together. */
export interface RefusalCount extends Refusal {
  readonly count: number
}

/** How long refusals of one subject are counted before they become one event. */
export const refusalWindowSeconds = 60 // two events a minute are no flood, and whoever watches hears of the rest soon

/** Kinds of refusals that a server tells apart in a window, of each user and of nobody. */
const mostKinds = 100 // more than a front end that is wrong everywhere; whoever varies addresses fills no more rows

const folded: ReadonlySet<SecurityEventType> = new Set(['ACCESS_DENIED', 'RATE_LIMITED'])

/** Whether repeats of an event are counted instead of recorded one by one: those that cost the caller nothing. */
export const isFolded = ({ type }: EventReport): boolean => folded.has(type)

const subjectOf = (type: SecurityEventType, who: readonly unknown[], what: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify([type, who, what]))
    .digest('hex')

/**
 * Says what a refusal is counted under: who was refused, from which network, and what. Of those of one user, or of nobody, that
 * this server sees in a minute all kinds beyond the first hundred count as one, which says neither.
 */
export const createTellApart = (now: Clock) => {
  let windowEndsAt = new Date(0)
  const kinds = new Map<string | null, Set<string>>()
  return (report: EventReport): Refusal => {
    const at = now()
    if (at >= windowEndsAt) {
      kinds.clear()
      windowEndsAt = secondsAfter(at, refusalWindowSeconds)
    }
    const { type, outcome, userId, sessionId = null, client, details = {} } = report
    const network = client && networkOf(client.ipAddress)
    const subject = subjectOf(type, [userId, sessionId, network], Object.entries(details).toSorted())
    const known = kinds.get(userId) ?? new Set()
    kinds.set(userId, known)
    if (known.size < mostKinds) known.add(subject)
    if (known.has(subject)) return { subject, report }
    return {
      subject: subjectOf(type, [userId], 'various'),
      report: { type, outcome, userId, client: null, details: { various: true } },
    }
  }
}

/** Refusals of one subject as one, with their number. */
export const countRefusals = (refusals: readonly Refusal[]): readonly RefusalCount[] =>
  [...Map.groupBy(refusals, ({ subject }) => subject).values()].flatMap(([first, ...repeats]) =>
    first ? [{ ...first, count: repeats.length + 1 }] : [],
  )
