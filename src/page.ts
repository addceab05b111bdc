import { badInput } from './failure.ts'
import { isId } from './lib/ids.ts'

const longestPage = 100
const endOfTime = Date.UTC(9999, 0)

/** Where in a list that is ordered by an instant, newest first, and then by id, something stands. */
export interface Position {
  readonly at: Date
  readonly id: string
}

export interface Edge<Node> {
  readonly cursor: string
  readonly node: Node
}

/** A Relay connection: one page of a list, newest first. */
export interface Connection<Node> {
  readonly edges: readonly Edge<Node>[]
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
}

/** Whether anything could have happened at this instant, and PostgreSQL read it. */
export const isWithinTime = (instant: Date): boolean => instant.getTime() >= 0 && instant.getTime() < endOfTime

/** Opaque to clients. */
const cursorOf = ({ at, id }: Position): string => Buffer.from(`${at.getTime()}:${id}`).toString('base64url')

/** The place after which a page begins; null for the first page. Throws BAD_USER_INPUT. */
export const parseCursor = (cursor: string | null | undefined): Position | null => {
  if (cursor === null || cursor === undefined) return null
  const [milliseconds = '', id = ''] = Buffer.from(cursor, 'base64url').toString().split(':')
  const at = new Date(/^\d{1,15}$/.test(milliseconds) ? Number(milliseconds) : Number.NaN)
  if (!isWithinTime(at) || !isId(id)) throw badInput('after', 'must be a cursor from an earlier page')
  return { at, id }
}

/** How many to list. Throws BAD_USER_INPUT. */
export const parsePageSize = (first: number): number => {
  if (first < 1 || first > longestPage) throw badInput('first', `must be from 1 to ${longestPage}`)
  return first
}

/** Makes a page of at most `size` from `found`, which holds one more where there is a next page. */
export const connectionOf = <Node>(
  found: readonly Node[],
  size: number,
  positionOf: (node: Node) => Position,
): Connection<Node> => {
  const edges = found.slice(0, size).map((node) => ({ cursor: cursorOf(positionOf(node)), node }))
  return { edges, pageInfo: { hasNextPage: found.length > size, endCursor: edges.at(-1)?.cursor ?? null } }
}
