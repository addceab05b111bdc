import type { EventStore } from '../audit/event-store.ts'
import type { Transact } from '../db/transact.ts'
import type { Clock } from '../lib/clock.ts'
import type { SessionStore } from './session-store.ts'

interface Stores {
  readonly sessions: Pick<SessionStore, 'endOverdue'>
  readonly events: Pick<EventStore, 'append'>
}

export interface OverdueSessionsDeps {
  readonly transact: Transact<Stores>
  readonly sessions: Pick<SessionStore, 'countOverdue'>
  readonly now: Clock
}

const batchSize = 500 // each brings an event with it

/**
 * Sessions past their absolute end that nobody asked about since. Nobody has to be told when they end in the record: every
 * copy carries the same deadlines, and each server refuses it by them.
 */
export const createOverdueSessions = ({ transact, sessions, now }: OverdueSessionsDeps) => ({
  count: (): Promise<number> => sessions.countOverdue(now()),

  /**
   * Ends some, with an event each, in one transaction, and returns how many. They ended at their deadline, whenever that is
   * noticed; the event bears the time of its recording, as the log is read and sealed in that order.
   */
  endSome: (): Promise<number> =>
    transact(async (stores) => {
      const ended = await stores.sessions.endOverdue(now(), batchSize)
      if (ended.length === 0) return 0
      await stores.events.append(
        ...ended.map(({ reason, ...subject }) => ({
          type: 'SESSION_EXPIRED' as const,
          outcome: 'SUCCESS' as const,
          ...subject,
          client: null,
          details: { reason },
        })),
      )
      return ended.length
    }),
})
