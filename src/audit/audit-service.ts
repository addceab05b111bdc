import type { ReadPlanned } from '../db/planned.ts'
import { type Connection, connectionOf, type Position, parseCursor, parsePageSize } from '../page.ts'
import { type EventQuery, parseFilter } from './event-filter.ts'
import type { EventStore } from './event-store.ts'
import type { SecurityEvent } from './security-event.ts'

export type EventConnection = Connection<SecurityEvent>

export interface PageRequest {
  readonly first: number
  readonly after?: string | null | undefined
  readonly filter?: EventQuery | null | undefined
}

export type ReadEvents = (request: PageRequest, onlyUserId?: string) => Promise<EventConnection>

/** Where in the log an event stands. */
export const positionOf = ({ occurredAt: at, id }: SecurityEvent): Position => ({ at, id })

interface Stores {
  readonly events: Pick<EventStore, 'page'>
}

export interface EventReadingDeps extends Stores {
  readonly planned: ReadPlanned<Stores>
}

/** Reads pages of security events, newest first: everybody's, or one user's. Throws BAD_USER_INPUT. */
export const createReadEvents =
  ({ events, planned }: EventReadingDeps): ReadEvents =>
  async ({ first, after, filter }, onlyUserId) => {
    const size = parsePageSize(first)
    const before = parseCursor(after)
    const asked = parseFilter(filter ?? {})
    if (onlyUserId && asked.userId && asked.userId !== onlyUserId) return connectionOf([], size, positionOf)
    const chosen = onlyUserId ? { ...asked, userId: onlyUserId } : asked
    // There are addresses of one event, and addresses of a tenth of them.
    const page = chosen.ipAddress
      ? await planned((stores) => stores.events.page(chosen, before, size + 1))
      : await events.page(chosen, before, size + 1)
    return connectionOf(page, size, positionOf)
  }
