import { type Clock, secondsAfter } from '../lib/clock.ts'
import type { AuditKey } from './audit-key.ts'
import { digestOf, type Head, type Link, linkHash, type SignedHead, signHead } from './chain.ts'
import type { ChainStore, UnsealedEvent } from './chain-store.ts'
import type { SeenHead } from './seen-head.ts'
import { describeFinding } from './verification.ts'
import type { CheckHead } from './verification-service.ts'

export interface SealDeps {
  readonly chain: Pick<ChainStore, 'newestCheckpoint' | 'unsealed' | 'seal'>
  readonly checkHead: CheckHead
  readonly seen: Pick<SeenHead, 'note'>
  /** What signs from now on. */
  readonly key: AuditKey
  /** Is told what was sealed here: each event of the log by one server, once, but for those that it dies over. */
  readonly onSealed?: (events: readonly UnsealedEvent[]) => void
  readonly now: Clock
}

/**
 * Seals what is oldest in the outbox, and returns whether there may be more. Rejects when PostgreSQL does, and where the head
 * is not one to build on: a signature must not make good what somebody else put there.
 */
export type SealSome = () => Promise<boolean>

const mostAtOnce = 1_000 // hashing them keeps the event loop for about 3 ms
const checkpointEveryLinks = 10_000
const checkpointEverySeconds = 60
const wholeReadMs = 900 // less than the time between looks that nobody asked for
const settleMs = 250 // longer than most transactions

/** Knows from its own sealing how far the log is sealed, and reads it anew where another server was faster. */
export const createSeal = ({ chain, checkHead, seen, key, onSealed, now }: SealDeps): SealSome => {
  // What was sealed stays in the outbox's index until a vacuum. It is read past about once a second, for what was written
  // long before its commit; else reading begins behind what had been sealed a moment ago.
  let [wholeReadAt, settledAt] = [Number.NEGATIVE_INFINITY, 0]
  let [newest, settling, settled] = [0, 0, 0]
  const placeToRead = (): number => {
    const at = performance.now()
    if (at - settledAt >= settleMs) {
      settledAt = at
      settled = settling
      settling = newest
    }
    if (at - wholeReadAt < wholeReadMs) return settled
    wholeReadAt = at
    return 0
  }

  let position: { readonly head: Head; readonly checkpoint: SignedHead | undefined } | undefined

  const isCheckpointDue = (head: Head, newest: SignedHead | undefined): boolean =>
    newest?.keyId !== key.id ||
    head.sequence - newest.sequence >= checkpointEveryLinks ||
    head.sealedAt >= secondsAfter(newest.sealedAt, checkpointEverySeconds)

  const headToBuildOn = async (): Promise<Head> => {
    const checked = await checkHead()
    if ('finding' in checked) throw new Error(describeFinding(checked.finding))
    return checked.head
  }

  return async () => {
    // The head is read before the events: whatever is sealed in between makes this sealing come to nothing.
    const { head: from, checkpoint } = position ?? {
      head: await headToBuildOn(),
      checkpoint: await chain.newestCheckpoint(),
    }
    position = undefined
    const events = await chain.unsealed(mostAtOnce, placeToRead())
    if (events.length > 0) {
      const links = linksOf(events, from)
      const { sequence, hash } = links.at(-1) as Link
      const reached = { sequence, hash, sealedAt: now() }
      const isCheckpoint = isCheckpointDue(reached, checkpoint)
      const head = signHead(reached, { checkpointBefore: checkpoint?.sequence ?? 0, isCheckpoint }, key)
      const ordinals = events.map(({ ordinal }) => ordinal)
      if (!(await chain.seal({ from, links, ordinals, head, isCheckpoint }))) return true
      seen.note(head)
      onSealed?.(events)
      position = { head, checkpoint: isCheckpoint ? head : checkpoint }
      newest = Math.max(newest, ordinals.at(-1) as number)
    } else position = { head: from, checkpoint }
    return events.length === mostAtOnce
  }
}

const linksOf = (events: readonly UnsealedEvent[], from: Head): Link[] => {
  let { sequence, hash } = from
  return events.map((event) => {
    const digest = digestOf(event)
    hash = linkHash(hash, ++sequence, digest)
    return { sequence, eventId: event.id, digest, hash }
  })
}
