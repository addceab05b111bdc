import { isArchiveSignedBy, type SignedArchive } from './archive.ts'
import type { Link } from './chain.ts'
import { type AuditProblem, type Finding, findingAt, type KnownKeys, monthOf } from './verification.ts'
import type { VerificationStore } from './verification-store.ts'

/** Which events may be gone, because their month was archived: as many of each month as its record was signed for. */
export const createArchivedMonths = (store: Pick<VerificationStore, 'archives' | 'isEmptied'>, keys: KnownKeys) => {
  let archives = new Map<string, SignedArchive>()
  const counts = new Map<string, number>()
  const emptied = new Map<string, boolean>()
  const genuine = new Map<SignedArchive, boolean>() // every link of a month asks

  const load = async (): Promise<void> => {
    archives = new Map((await store.archives()).map((archive) => [archive.month, archive]))
  }
  const isGenuine = (archive: SignedArchive): boolean => {
    const key = keys.get(archive.keyId)
    const isSigned =
      genuine.get(archive) ??
      (key !== undefined && !Number.isNaN(archive.archivedAt.getTime()) && isArchiveSignedBy(archive, key))
    genuine.set(archive, isSigned)
    return isSigned
  }
  const isEmptied = async (month: string): Promise<boolean> => {
    const isEmpty = emptied.get(month) ?? (await store.isEmptied(month))
    emptied.set(month, isEmpty)
    return isEmpty
  }

  return {
    /** To be called before anything else. */
    async begin(): Promise<void> {
      await load()
      for (const month of archives.keys()) counts.set(month, 0)
    },

    /** Counts a link, whether or not its event is there. */
    count({ eventId }: Link): void {
      if (counts.size === 0) return
      const month = monthOf(eventId)
      const count = counts.get(month)
      if (count !== undefined) counts.set(month, count + 1)
    },

    /** What to make of a link without an event: null where its month was archived. */
    async judgeAbsent({ sequence, eventId }: Link): Promise<AuditProblem | null> {
      const month = monthOf(eventId)
      if (!archives.has(month)) await load() // one that was archived, and dropped, a moment ago
      const archive = archives.get(month)
      if (!archive || sequence < archive.firstSequence || sequence > archive.lastSequence) return 'eventMissing'
      if (!isGenuine(archive)) return 'archiveForged'
      return (await isEmptied(month)) ? null : 'eventMissing'
    },

    /** Once all links were counted: every record is genuine, and no link more than it says lacks its event. */
    async judgeAll(): Promise<Finding | null> {
      for (const archive of archives.values()) {
        const { month, events, firstSequence } = archive
        if (!isGenuine(archive)) return findingAt('archiveForged', firstSequence)
        const isWhole = [undefined, events].includes(counts.get(month)) || !(await isEmptied(month))
        if (!isWhole) return findingAt('archiveContradicted', firstSequence)
      }
      return null
    },
  }
}
