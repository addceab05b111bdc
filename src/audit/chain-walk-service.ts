import { setImmediate as nextTurn } from 'node:timers/promises'
import { createArchivedMonths } from './archived-months-service.ts'
import { createErasedUsers } from './erased-users-service.ts'
import {
  type AuditProblem,
  beginning,
  type ChainPosition,
  checkEvent,
  checkLink,
  checkPersonalData,
  type Finding,
  findingAt,
  judgeSignature,
  type KnownKeys,
} from './verification.ts'
import type { StandingHead, StoredLink, VerificationStore } from './verification-store.ts'

export interface ChainWalkDeps {
  readonly store: VerificationStore
  readonly keys: KnownKeys
}

export interface Stretch {
  /** Everything where both are null; else what was sealed between the checkpoints around these instants, and more. */
  readonly from: Date | null
  readonly to: Date | null
  /** Hears how many events were checked, and what share of all. */
  readonly onProgress?: (checked: number, share: number) => void
}

const batchSize = 1_000 // tens of milliseconds in PostgreSQL
const checkedInOneGo = 100 // about two milliseconds, then whoever else waits has a turn

/** Goes along the chain, from a signed place to a signed place. */
export const createChainWalk = ({ store, keys }: ChainWalkDeps, { from, to, onProgress }: Stretch) => {
  const archives = createArchivedMonths(store, keys)
  const erasedUsers = createErasedUsers(store)
  let checked = 0
  let isKeyKnown = false // since a checkpoint of a known key none of a forgotten one can follow

  const judgeCheckpoint = (checkpoint: StandingHead): AuditProblem | null => {
    const verdict = judgeSignature(checkpoint, checkpoint, keys)
    if (verdict === 'forged' || (verdict === 'unknown' && isKeyKnown)) return 'checkpointForged'
    isKeyKnown ||= verdict === 'valid'
    return null
  }

  const checkStored = async (previous: ChainPosition, link: StoredLink): Promise<AuditProblem | null> => {
    const problem = checkLink(previous, link)
    if (problem) return problem
    if (!link.event) return archives.judgeAbsent(link)
    if (!link.personal) return checkEvent(link.event, link.digest) ?? erasedUsers.judgeAbsent(link.event)
    return checkEvent(link.event, link.digest) ?? checkPersonalData(link.event, link.personal)
  }

  const read = (after: number, last: number) => {
    const through = Math.min(after + batchSize, last)
    const reading = Promise.all([store.links(after, through), store.checkpoints(after, through)])
    reading.catch(() => {}) // whoever waits for it is told; nobody does once something does not fit
    return reading.then(([links, checkpoints]) => ({ through, links, checkpoints }))
  }

  return {
    checked: () => checked,
    async run(head: StandingHead): Promise<Finding | null> {
      const keyIds = [...keys.keys()]
      const start = from && (await store.checkpointBefore(from, keyIds))
      const next = to && (await store.checkpointSince(to, keyIds))
      const end = next && next.sequence >= (start?.sequence ?? 0) ? next : head
      const startProblem = start && judgeCheckpoint(start)
      if (startProblem) return findingAt(startProblem, start.sequence)
      await archives.begin()

      const first = start ?? beginning
      let previous: ChainPosition = first
      let reading = read(previous.sequence, end.sequence)
      while (previous.sequence < end.sequence) {
        const { through, links, checkpoints } = await reading
        reading = read(through, end.sequence)
        const waiting = checkpoints[Symbol.iterator]()
        let checkpoint = waiting.next().value
        for (const link of links) {
          const problem = await checkStored(previous, link)
          if (problem === 'linkMissing') return findingAt(problem, previous.sequence + 1)
          if (problem) return findingAt(problem, link.sequence, link.eventId)
          archives.count(link)
          previous = link
          if (checkpoint?.sequence === link.sequence) {
            if (!checkpoint.hash.equals(link.hash))
              return findingAt('checkpointContradicted', link.sequence, link.eventId)
            const forged = judgeCheckpoint(checkpoint)
            if (forged) return findingAt(forged, link.sequence, link.eventId)
            checkpoint = waiting.next().value
          }
          if (++checked % checkedInOneGo === 0) await nextTurn()
        }
        if (previous.sequence < through) return findingAt('linkMissing', previous.sequence + 1)
        if (checkpoint) return findingAt('checkpointContradicted', checkpoint.sequence)
        onProgress?.(checked, (previous.sequence - first.sequence) / (end.sequence - first.sequence))
      }
      return from || to ? null : archives.judgeAll()
    },
  }
}
