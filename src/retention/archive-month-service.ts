import { signArchive } from '../audit/archive.ts'
import { archiveFileNames } from '../audit/archive-file.ts'
import { createVerifyArchives } from '../audit/archive-verification-service.ts'
import type { AuditKeys } from '../audit/audit-key.ts'
import { auditProblems } from '../audit/verification.ts'
import type { VerificationStore } from '../audit/verification-store.ts'
import type { Clock } from '../lib/clock.ts'
import type { ArchiveDraft, ArchiveFileStore } from './archive-file-store.ts'
import { createWriteArchive, type WrittenArchive } from './archive-writing-service.ts'
import type { AuditArchiveStore } from './audit-archive-store.ts'
import { createMeasureMonth, type MeasuredMonth } from './month-size-service.ts'

export interface ArchiveMonthDeps {
  readonly archives: Pick<AuditArchiveStore, 'measure' | 'checkpointFrom' | 'find' | 'add' | 'drop'>
  readonly log: Pick<VerificationStore, 'links' | 'checkpoints' | 'hashAt'>
  readonly files: ArchiveFileStore
  /** The first signs; checkpoints of all count. */
  readonly auditKeys: AuditKeys
  readonly pause: () => Promise<unknown>
  readonly now: Clock
}

export interface MonthWatch {
  /** The events stay in the database. */
  readonly isKept: boolean
  /** Asked all the time; nothing more is done once it says no. */
  readonly mayGoOn: () => Promise<boolean>
  readonly onProgress: (events: number) => void
}

export type MonthOutcome =
  | { readonly kind: 'dropped' | 'kept'; readonly events: number }
  /** It goes on the next time. */
  | { readonly kind: 'waits'; readonly reason: string }

type Sealed = Extract<MeasuredMonth, { kind: 'sealed' }>

/** Somebody said no, so the rest is left for the next time. */
export class Interrupted extends Error {}

const mostTriesToDrop = 20
const linesAtOnce = 500

/** The same lines; `insist` is asked before the first and now and then. */
async function* insisting<T>(lines: AsyncIterable<T>, insist: () => Promise<void>): AsyncGenerator<T> {
  let count = 0
  for await (const line of lines) {
    if (count++ % linesAtOnce === 0) await insist()
    yield line
  }
}

/**
 * Moves a month of events from the database to files: writes them, recomputes the chain from what was written, gives the files
 * their names, signs for them in the database, and only then drops the events. Each step finds what an earlier run did, so
 * that the next run finishes one that died. Throws where something does not fit, and drops nothing then; Interrupted.
 */
export const createArchiveMonth = ({ archives, log, files, auditKeys, pause, now }: ArchiveMonthDeps) => {
  const keys = new Map(auditKeys.map(({ id, publicKey }) => [id, publicKey]))
  const measure = createMeasureMonth(archives, [...keys.keys()])
  const write = createWriteArchive({ log, auditKeys })

  /** Recomputes the chain from the files alone. */
  const check = async (
    draft: ArchiveDraft,
    { events, personalData, end }: WrittenArchive,
    insist: () => Promise<void>,
  ): Promise<void> => {
    const companions = draft.readPersonalData()
    const archives = createVerifyArchives({ keys, knownHead: end, onProgress: () => {} })
    const { finding, ...read } = await archives.check({
      lines: insisting(draft.readEvents(), insist),
      personalData: companions.lines,
    })
    if (finding) throw new Error(`${auditProblems[finding.problem]} Nothing was archived: run verify-audit`)
    if (read.checkedEvents !== events || read.end?.sequence !== end.sequence || companions.count() !== personalData)
      throw new Error('What was written can not be read back')
  }

  /** Sees to it that the files are there, and that the database says so. */
  const archive = async (month: string, size: Sealed, { onProgress }: MonthWatch, insist: () => Promise<void>) => {
    const known = await archives.find(month)
    if (known && (await files.has(month.slice(0, 7), known.fileDigest))) return
    const draft = await files.begin(month.slice(0, 7))
    try {
      const written = await write(draft, month, size, { insist, onProgress })
      if (written.events !== size.events) throw new Error('Events were added to the month meanwhile')
      await check(draft, written, insist)
      const fileDigest = await draft.digest()
      if (known && !known.fileDigest.equals(fileDigest))
        throw new Error(
          `${known.file}, or the personal data beside it, is gone or was altered, and can't be written again as it was: put it back`,
        )
      await insist()
      await draft.place()
      const { events, firstSequence, lastEvent: lastSequence } = size
      const file = archiveFileNames(month.slice(0, 7)).events
      const record = { month, events, firstSequence, lastSequence, file, fileDigest, archivedAt: now() }
      if (!known) await archives.add(signArchive(record, auditKeys[0]))
    } finally {
      await draft.discard()
    }
  }

  return {
    measure,

    async archive(month: string, watch: MonthWatch): Promise<MonthOutcome> {
      const insist = async (): Promise<void> => {
        if (!(await watch.mayGoOn())) throw new Interrupted()
      }
      const size = await measure(month, insist)
      if (size.kind === 'waits') return size
      if (size.kind === 'sealed') await archive(month, size, watch, insist)
      const { events } = size
      if (watch.isKept) return { kind: 'kept', events }
      for (let tries = 0; tries < mostTriesToDrop; tries++) {
        await insist()
        if (await archives.drop(month)) return { kind: 'dropped', events }
        await pause()
      }
      return { kind: 'waits', reason: 'it is archived; writers left no moment to drop it' }
    },
  }
}
