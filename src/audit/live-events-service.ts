import { setTimeout as pause } from 'node:timers/promises'
import { AppError, badInput } from '../failure.ts'
import { isId } from '../lib/ids.ts'
import { createQueue, type Queue } from '../lib/queue.ts'
import { type EventFilter, type EventQuery, fits, parseFilter } from './event-filter.ts'
import type { SealedEventStore, SealedPosition } from './sealed-event-store.ts'
import type { SecurityEvent } from './security-event.ts'

export interface LiveEventsDeps {
  readonly log: SealedEventStore
  /** Told of the first failure, and of no other until it worked again. */
  readonly logProblem: (problem: unknown) => void
}

export interface FollowRequest {
  /** The id of the last event that the subscriber has; null for what is sealed from now on. */
  readonly after: string | null
  readonly filter?: EventQuery | null
  /** Restricts it to one user's events, `after` among them. */
  readonly onlyUserId?: string
  /** Ends it. */
  readonly signal: AbortSignal
}

/** An event on its way to a subscriber. */
export interface LiveEvent {
  readonly event: SecurityEvent
  readonly sequence: number
  /** When it was read from the log, by performance.now(). */
  readonly readAt: number
}

/** Follows the log in the order of sealing. */
export type FollowEvents = (request: FollowRequest) => AsyncIterable<LiveEvent>

interface Subscriber {
  readonly filter: EventFilter
  readonly behind: number
  readonly queue: Queue<LiveEvent>
}

const chunkSize = 500
const widestRead = 10_000 // of the chain, by one statement: of what a filter leaves over there may be little
const mostWaiting = 1_000
const lookIntervalMs = 1_000 // an announcement may be lost
const longestSealingMs = 2_000
const sealingPollMs = 50
const everybody = ''

/**
 * The feed of one server. It reads each sealed event once from PostgreSQL, when its sealing is announced, for all who follow;
 * with nobody there it reads nothing.
 */
export const createLiveEvents = ({ log, logProblem }: LiveEventsDeps) => {
  const byUser = new Map<string, Set<Subscriber>>()
  let position = 0 // what is sealed up to here was handed out
  let head = 0
  let isReading = false
  let isFailing = false

  const fail = (problem: unknown): void => {
    if (!isFailing) logProblem(problem)
    isFailing = true
  }

  /** Who has more waiting than is kept is handed nothing further, and reads on by itself. */
  const handOut = (live: LiveEvent): void => {
    const { event, sequence } = live
    for (const key of [everybody, event.userId]) {
      for (const { filter, behind, queue } of (key !== null && byUser.get(key)) || []) {
        if (sequence > behind && fits(filter, event) && !queue.push(live)) queue.close()
      }
    }
  }

  const readOn = async (): Promise<void> => {
    if (isReading) return
    isReading = true
    try {
      while (position < head) {
        if (byUser.size === 0) {
          position = head
          break
        }
        const through = Math.min(head, position + chunkSize)
        const page = await log.list(placeAt(position), through, {}, chunkSize)
        const readAt = performance.now()
        for (const sealed of page) handOut({ ...sealed, readAt })
        position = through
      }
      isFailing = false
    } catch (problem) {
      fail(problem)
    } finally {
      isReading = false
    }
  }

  const advance = (sequence: number): void => {
    head = Math.max(head, sequence)
    void readOn()
  }

  const look = async (): Promise<void> => advance(await log.readHead())

  const startOf = async ({ after, onlyUserId }: FollowRequest): Promise<SealedPosition> => {
    if (after === null) return placeAt(await log.readHead())
    const deadline = performance.now() + longestSealingMs
    do {
      const event = isId(after) ? await log.locate(after) : null
      if (!event || (onlyUserId && event.userId !== onlyUserId)) {
        throw badInput('after', 'must be the id of an event that this subscription delivers')
      }
      if (event.sequence !== null) return { sequence: event.sequence, occurredAt: event.occurredAt }
      await pause(sealingPollMs)
    } while (performance.now() < deadline)
    throw new AppError('SERVICE_DEGRADED')
  }

  const join = (key: string, subscriber: Subscriber): (() => void) => {
    const group = byUser.get(key) ?? new Set()
    byUser.set(key, group.add(subscriber))
    return () => {
      group.delete(subscriber)
      if (group.size === 0 && byUser.get(key) === group) byUser.delete(key)
    }
  }

  const timer = setInterval(() => {
    if (byUser.size > 0) look().catch(fail)
  }, lookIntervalMs)

  return {
    /** Takes the announcement of a sealing. */
    hear: (sequence: string): void => advance(Number(sequence)),
    /** Looks for what may have been missed. */
    look: (): void => void look().catch(fail),
    stop: (): void => clearInterval(timer),

    /**
     * Follows the events that fit, each once and in order: what is sealed behind `after` from PostgreSQL, then what comes. A
     * subscriber who falls behind is back at reading from PostgreSQL, so that little is kept for anybody. Throws
     * BAD_USER_INPUT, and SERVICE_DEGRADED where `after` does not get sealed.
     */
    async *follow(request: FollowRequest): AsyncGenerator<LiveEvent> {
      const { signal, onlyUserId } = request
      const filter = { ...parseFilter(request.filter ?? {}), ...(onlyUserId && { userId: onlyUserId }) }
      let place = await startOf(request)
      await look()
      while (!signal.aborted) {
        while (place.sequence < position) {
          const through = filter.userId ? position : Math.min(position, place.sequence + widestRead)
          const page = await log.list(place, through, filter, chunkSize)
          const readAt = performance.now()
          for (const sealed of page) {
            if (signal.aborted) return
            yield { ...sealed, readAt }
          }
          const last = page.at(-1)
          const occurredAt = last?.event.occurredAt ?? place.occurredAt
          place = { sequence: last && page.length === chunkSize ? last.sequence : through, occurredAt }
        }
        // Nothing is awaited between the comparison and this, so that the feed hands out whatever is behind `place`.
        const queue = createQueue<LiveEvent>(mostWaiting)
        const leave = join(filter.userId ?? everybody, { filter, behind: place.sequence, queue })
        const close = () => queue.close()
        signal.addEventListener('abort', close)
        try {
          for await (const live of queue) {
            yield live
            place = { sequence: live.sequence, occurredAt: live.event.occurredAt }
          }
        } finally {
          leave()
          signal.removeEventListener('abort', close)
        }
      }
    },
  }
}

const placeAt = (sequence: number): SealedPosition => ({ sequence, occurredAt: null })
