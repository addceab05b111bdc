import { printArchiveLine, printPersonalData } from '../audit/archive-file.ts'
import type { AuditKeys } from '../audit/audit-key.ts'
import { genesisHash } from '../audit/chain.ts'
import { type ChainPosition, monthOf } from '../audit/verification.ts'
import type { VerificationStore } from '../audit/verification-store.ts'
import type { ArchiveDraft } from './archive-file-store.ts'
import type { MonthSize } from './month-size-service.ts'

export interface ArchiveWritingDeps {
  readonly log: Pick<VerificationStore, 'links' | 'checkpoints' | 'hashAt'>
  readonly auditKeys: AuditKeys
}

export interface WritingWatch {
  /** Throws where there is to be no more. */
  readonly insist: () => Promise<void>
  readonly onProgress: (events: number) => void
}

/** What the files must hold. */
export interface WrittenArchive {
  readonly events: number
  readonly personalData: number
  /** The last link. */
  readonly end: ChainPosition
}

const linksAtOnce = 500 // some ten milliseconds of this process
const checkpointsWithin = 10_000

/** Writes a month's files from the database, a stretch of the chain at a time, and returns what they must hold. */
export const createWriteArchive = ({ log, auditKeys }: ArchiveWritingDeps) => {
  const publicKeys = new Map(
    auditKeys.map(({ id, publicKey }) => [id, publicKey.export({ type: 'spki', format: 'der' })]),
  )

  return async (
    { events, personalData, finish }: ArchiveDraft,
    month: string,
    { firstSequence, lastSequence }: Pick<MonthSize, 'firstSequence' | 'lastSequence'>,
    { insist, onProgress }: WritingWatch,
  ): Promise<WrittenArchive> => {
    const counts = { events: 0, personalData: 0 }
    let previousHash = firstSequence === 1 ? genesisHash : await log.hashAt(firstSequence - 1)
    if (!previousHash) throw new Error(`Link ${firstSequence - 1} of the chain is gone: run verify-audit`)

    await events.write([printArchiveLine({ kind: 'header', month: month.slice(0, 7) })])
    for (let after = firstSequence - 1; after < lastSequence; after += linksAtOnce) {
      await insist()
      const lines: string[] = []
      const companions: string[] = []
      for (const link of await log.links(after, Math.min(after + linksAtOnce, lastSequence))) {
        const { sequence, digest, hash, event, personal, eventId } = link
        if (monthOf(eventId) !== month) lines.push(printArchiveLine({ kind: 'link', sequence, digest, hash }))
        else {
          if (!event) throw new Error(`Event ${eventId} is gone: run verify-audit`)
          lines.push(printArchiveLine({ kind: 'event', sequence, previousHash, hash, event }))
          if (personal) companions.push(printPersonalData({ eventId, ...personal }))
          counts.events++
        }
        previousHash = hash
      }
      counts.personalData += companions.length
      await events.write(lines)
      await personalData.write(companions)
      onProgress(counts.events)
    }
    for (let after = firstSequence - 1; after < lastSequence; after += checkpointsWithin) {
      await insist()
      const lines: string[] = []
      for (const checkpoint of await log.checkpoints(after, Math.min(after + checkpointsWithin, lastSequence))) {
        const publicKey = publicKeys.get(checkpoint.keyId)
        if (!publicKey) continue // of a key that is known no more: it proves nothing to anyone
        lines.push(printArchiveLine({ kind: 'checkpoint', ...checkpoint, publicKey }))
      }
      await events.write(lines)
    }
    await finish()
    return { ...counts, end: { sequence: lastSequence, hash: previousHash } }
  }
}
