import type { Head } from './chain.ts'
import { type ChainWalkDeps, createChainWalk, type Stretch } from './chain-walk-service.ts'
import type { SeenHead } from './seen-head.ts'
import { beginning, type ChainPosition, type Finding, findingAt, judgeSignature } from './verification.ts'
import type { ChainEnds, ScanPosition, StandingHead, VerificationStore } from './verification-store.ts'

export interface Verification extends Stretch {
  /** A head that somebody noted down. */
  readonly knownHead?: ChainPosition | null
}

export interface VerificationResult {
  readonly checkedEvents: number
  /** As it was when the verification began; null before anything was sealed, and where it is gone. */
  readonly head: Head | null
  /** Null: the log is intact. */
  readonly finding: Finding | null
}

export type VerifyLog = (verification: Verification) => Promise<VerificationResult>

export interface VerificationDeps extends ChainWalkDeps {
  readonly seen: SeenHead
}

const scannedAtOnce = 2_000

/**
 * Recomputes the chain from the rows, up to the head at the beginning, while sealing goes on. Rejects where PostgreSQL does not
 * answer: that says nothing of the log.
 */
export const createVerifyLog =
  ({ store, keys, seen }: VerificationDeps): VerifyLog =>
  async (verification) => {
    const seenBefore = seen.newest() // before the head is read: one that is noted meanwhile may be newer
    const ends = await store.ends()
    const { head } = ends
    if (!head) return { checkedEvents: 0, head: null, finding: findingAt('headMissing', null) }
    const known = [seenBefore, verification.knownHead ?? null].filter((position) => position !== null)
    const walk = createChainWalk({ store, keys }, verification)
    const problem =
      (await walk.run(head)) ??
      (await checkHead({ store, keys }, head, ends)) ??
      (await compareWith(store, head, known)) ??
      (await scanLog(store, verification)) ??
      (verification.from || verification.to ? null : await scanOutbox(store))
    if (!problem) seen.note(head)
    return { checkedEvents: walk.checked(), head: head.sequence > 0 ? head : null, finding: problem }
  }

/** The head as it stands, or what is wrong with it, without a look at the chain before it. */
export type CheckHead = () => Promise<{ readonly head: Head } | { readonly finding: Finding }>

/**
 * Checks the head, and that the one seen before stands in its chain, and then remembers it: a log that was set back does not
 * pass for whole once it has grown again. Rejects where PostgreSQL does not answer.
 */
export const createCheckHead =
  ({ store, keys, seen }: VerificationDeps): CheckHead =>
  async () => {
    const seenBefore = seen.newest()
    const ends = await store.ends()
    const { head } = ends
    if (!head) return { finding: findingAt('headMissing', null) }
    const finding =
      (await checkHead({ store, keys }, head, ends)) ?? (seenBefore && (await compareWith(store, head, [seenBefore])))
    if (finding) return { finding }
    seen.note(head)
    return { head }
  }

const checkHead = async (
  { store, keys }: ChainWalkDeps,
  head: StandingHead,
  { firstLink, lastLink, lastCheckpoint }: ChainEnds,
): Promise<Finding | null> => {
  const { sequence, hash, keyId, signature } = head
  if (firstLink < 0 || (firstLink === 0 && lastLink > 0)) return findingAt('linkAltered', firstLink)
  if (sequence === 0) {
    if (!(hash.equals(beginning.hash) && keyId === '' && signature.length === 0)) return findingAt('headForged', 0)
  } else {
    if (!(await store.hashAt(sequence))?.equals(hash)) return findingAt('headContradicted', sequence)
    if (judgeSignature(head, head, keys) !== 'valid') return findingAt('headForged', sequence)
  }
  return Math.max(lastLink, lastCheckpoint) > sequence ? findingAt('headSetBack', sequence + 1) : null
}

/** Heads that were seen before must stand in the chain. */
const compareWith = async (
  store: VerificationStore,
  head: Head,
  known: readonly ChainPosition[],
): Promise<Finding | null> => {
  for (const { sequence, hash } of known) {
    if (sequence > head.sequence) return findingAt('logCut', head.sequence + 1)
    if (sequence > 0 && !(await store.hashAt(sequence))?.equals(hash)) return findingAt('logReplaced', sequence)
  }
  return null
}

const scanLog = async (store: VerificationStore, { from, to }: Stretch): Promise<Finding | null> => {
  for (let before: ScanPosition | null = null; ; ) {
    const { next, strayEventId } = await store.scan(from, before, to, scannedAtOnce)
    if (strayEventId) return findingAt('eventUnsealed', null, strayEventId)
    if (!next) return null
    before = next
  }
}

const scanOutbox = async (store: VerificationStore): Promise<Finding | null> => {
  for (let after: number | null = 0; after !== null; ) {
    const { next, strayEventId }: Awaited<ReturnType<VerificationStore['scanOutbox']>> = await store.scanOutbox(
      after,
      scannedAtOnce,
    )
    if (strayEventId) return findingAt('outboxAltered', null, strayEventId)
    after = next
  }
  return null
}
