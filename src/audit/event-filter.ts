import { badInput } from '../failure.ts'
import { isId } from '../lib/ids.ts'
import { isWithinTime } from '../page.ts'
import type { Outcome, SecurityEvent, SecurityEventType, Severity } from './security-event.ts'

/** Which events: those that fit everything given. An empty list fits none. */
export interface EventFilter {
  readonly types?: readonly SecurityEventType[]
  readonly severities?: readonly Severity[]
  readonly outcomes?: readonly Outcome[]
  readonly userId?: string
  readonly sessionId?: string
  readonly ipAddress?: string
  readonly from?: Date
  readonly to?: Date
}

/** What a client asks for: null and absent mean no restriction. */
export type EventQuery = { readonly [Key in keyof EventFilter]?: EventFilter[Key] | null | undefined }

/** Reads what a client asks for. Throws BAD_USER_INPUT. */
export const parseFilter = (query: EventQuery): EventFilter => {
  const ids: { userId?: string; sessionId?: string } = {}
  for (const name of ['userId', 'sessionId'] as const) {
    const id = query[name]
    if (id === null || id === undefined) continue
    if (!isId(id)) throw badInput(`filter.${name}`, 'must be an id as Gatehouse gave it')
    ids[name] = id.toLowerCase() // as PostgreSQL gives it back
  }
  for (const name of ['from', 'to'] as const) {
    const instant = query[name]
    if (instant && !isWithinTime(instant)) throw badInput(`filter.${name}`, 'must be between the years 1970 and 9998')
  }
  const { from, to } = query
  if (from && to && from >= to) throw badInput('filter.from', 'must be before filter.to')
  return {
    ...Object.fromEntries(Object.entries(query).filter(([, value]) => value !== null && value !== undefined)),
    ...ids,
  }
}

/** Whether an event is one of those. */
export const fits = (filter: EventFilter, event: SecurityEvent): boolean =>
  (!filter.types || filter.types.includes(event.type)) &&
  (!filter.severities || filter.severities.includes(event.severity)) &&
  (!filter.outcomes || filter.outcomes.includes(event.outcome)) &&
  (!filter.userId || filter.userId === event.userId) &&
  (!filter.sessionId || filter.sessionId === event.sessionId) &&
  (!filter.ipAddress || filter.ipAddress === event.ipAddress) &&
  (!filter.from || event.occurredAt >= filter.from) &&
  (!filter.to || event.occurredAt < filter.to)
