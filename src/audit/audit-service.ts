import { badInput } from '../failure.ts'
import { isId } from '../lib/ids.ts'
import { connectionOf, type EventConnection, isWithinLog, parseCursor, parsePageSize } from './event-page.ts'
import type { EventFilter, EventStore } from './event-store.ts'

/** What a client asks for: null and absent mean no restriction. */
export type EventQuery = { readonly [Key in keyof EventFilter]?: EventFilter[Key] | null | undefined }

export interface PageRequest {
  readonly first: number
  readonly after?: string | null | undefined
  readonly filter?: EventQuery | null | undefined
}

export type ReadEvents = (request: PageRequest, onlyUserId?: string) => Promise<EventConnection>

const parseFilter = (query: EventQuery): EventFilter => {
  for (const name of ['userId', 'sessionId'] as const) {
    const id = query[name]
    if (id && !isId(id)) throw badInput(`filter.${name}`, 'must be an id as Gatehouse gave it')
  }
  for (const name of ['from', 'to'] as const) {
    const instant = query[name]
    if (instant && !isWithinLog(instant)) throw badInput(`filter.${name}`, 'must be between the years 1970 and 9998')
  }
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== null && value !== undefined))
}

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
