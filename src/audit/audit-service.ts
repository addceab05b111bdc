import { type EventQuery, parseFilter } from './event-filter.ts'
import { connectionOf, type EventConnection, parseCursor, parsePageSize } from './event-page.ts'
import type { EventStore } from './event-store.ts'

export interface PageRequest {
  readonly first: number
  readonly after?: string | null | undefined
  readonly filter?: EventQuery | null | undefined
}

export type ReadEvents = (request: PageRequest, onlyUserId?: string) => Promise<EventConnection>

/** Reads pages of security events, newest first: everybody's, or one user's. Throws BAD_USER_INPUT. */
export const createReadEvents =
  (events: Pick<EventStore, 'page'>): ReadEvents =>
  async ({ first, after, filter }, onlyUserId) => {
    const size = parsePageSize(first)
    const before = parseCursor(after)
    const asked = parseFilter(filter ?? {})
    if (onlyUserId && asked.userId && asked.userId !== onlyUserId) return connectionOf([], size)
    const page = await events.page(onlyUserId ? { ...asked, userId: onlyUserId } : asked, before, size + 1)
    return connectionOf(page, size)
  }
