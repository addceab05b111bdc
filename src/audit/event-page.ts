import { badInput } from '../failure.ts'
import { isId } from '../lib/ids.ts'
import type { SecurityEvent } from './security-event.ts'

const longestPage = 100
const endOfLog = Date.UTC(9999, 0)

export interface EventPosition {
  readonly occurredAt: Date
  readonly id: string
}

export interface EventEdge {
  readonly cursor: string
  readonly node: SecurityEvent
}

/** A Relay connection: one page of a list, newest first. */
export interface EventConnection {
  readonly edges: readonly EventEdge[]
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
}

/** Whether the log could hold an event of this instant, and PostgreSQL read it. */
export const isWithinLog = (instant: Date): boolean => instant.getTime() >= 0 && instant.getTime() < endOfLog

/** Opaque to clients: where in the order an event stands. */
const cursorOf = ({ occurredAt, id }: EventPosition): string =>
  Buffer.from(`${occurredAt.getTime()}:${id}`).toString('base64url')

/** The place after which a page begins; null for the first page. Throws BAD_USER_INPUT. */
export const parseCursor = (cursor: string | null | undefined): EventPosition | null => {
  if (cursor === null || cursor === undefined) return null
  const [milliseconds = '', id = ''] = Buffer.from(cursor, 'base64url').toString().split(':')
  const occurredAt = new Date(/^\d{1,15}$/.test(milliseconds) ? Number(milliseconds) : Number.NaN)
  if (!isWithinLog(occurredAt) || !isId(id)) throw badInput('after', 'must be a cursor from an earlier page')
  return { occurredAt, id }
}

/** How many to list. Throws BAD_USER_INPUT. */
export const parsePageSize = (first: number): number => {
  if (first < 1 || first > longestPage) throw badInput('first', `must be from 1 to ${longestPage}`)
  return first
}

/** Makes a page of at most `size` from `found`, which holds one more where there is a next page. */
export const connectionOf = (found: readonly SecurityEvent[], size: number): EventConnection => {
  const edges = found.slice(0, size).map((node) => ({ cursor: cursorOf(node), node }))
  return { edges, pageInfo: { hasNextPage: found.length > size, endCursor: edges.at(-1)?.cursor ?? null } }
}
