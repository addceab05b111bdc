import { setImmediate as nextTurn } from 'node:timers/promises'
import { ArchiveFormatError, parseArchiveLine, parsePersonalData } from '../audit/archive-file.ts'
import type { Clock } from '../lib/clock.ts'
import type { ArchiveFileStore } from '../retention/archive-file-store.ts'
import type { AccountErased } from './erasure.ts'
import type { ErasureStore } from './erasure-store.ts'

export interface ArchivedErasuresDeps {
  readonly erasures: Pick<ErasureStore, 'listUnarchived' | 'list' | 'finishArchives'>
  readonly files: Pick<ArchiveFileStore, 'months' | 'readEvents' | 'rewritePersonalData'>
  readonly now: Clock
}

export interface ArchivedErasuresWatch {
  /** Asked all the time; nothing more is done once it says no. */
  readonly mayGoOn: () => Promise<boolean>
  /** Something was taken out of a month. */
  readonly onMonth: (month: string, gone: number) => void
  /** A month could not be read or written; the others are all the same. */
  readonly onProblem: (month: string, problem: unknown) => void
}

type ListErasures = ErasureStore['list']

export type ArchivedErasures = ReturnType<typeof createArchivedErasures>

const pageSize = 1_000
const linesAtOnce = 500

/**
 * Takes erased users out of the personal data of archived months. The files of events stay as they are, to the byte. To be
 * run by whoever has the turn to archive: a month that is being written may hold what an erasure has just taken out.
 */
export const createArchivedErasures = ({ erasures, files, now }: ArchivedErasuresDeps) => {
  const eventsOf = async (
    erased: ReadonlySet<string>,
    month: string,
    mayGoOn: () => Promise<boolean>,
  ): Promise<Set<string> | null> => {
    const found = new Set<string>()
    let read = 0
    for await (const text of files.readEvents(month)) {
      if (text === null) throw new ArchiveFormatError('a line is too long')
      const line = parseArchiveLine(text)
      if (line.kind === 'event') {
        const { id, type, userId, actorId } = line.event
        const isAbout = userId !== null && erased.has(userId) && type !== 'ACCOUNT_ERASED'
        if (isAbout || (actorId !== null && erased.has(actorId))) found.add(id)
      }
      if (++read % linesAtOnce > 0) continue
      if (!(await mayGoOn())) return null
      await nextTurn()
    }
    return found
  }

  /** Returns whether it came to the end, and everything went. */
  const takeOut = async (erased: ReadonlySet<string>, watch: ArchivedErasuresWatch): Promise<boolean> => {
    let isWhole = true
    for (const month of await files.months()) {
      try {
        const events = await eventsOf(erased, month, watch.mayGoOn)
        if (!events) return false
        if (events.size === 0) continue
        const isOfErased = (line: string) => events.has(parsePersonalData(line).eventId)
        const gone = await files.rewritePersonalData(month, isOfErased, watch.mayGoOn)
        if (gone === null) return false
        if (gone > 0) watch.onMonth(month, gone)
      } catch (problem) {
        isWhole = false
        watch.onProblem(month, problem)
      }
    }
    return isWhole
  }

  const everyId = async (list: ListErasures): Promise<Set<string>> => {
    const ids = new Set<string>()
    let page: AccountErased[] = []
    do {
      page = await list(page.at(-1) ?? null, pageSize)
      for (const { id } of page) ids.add(id)
    } while (page.length === pageSize)
    return ids
  }

  return {
    /** For the erasures that were not gone through for yet. */
    async runPending(watch: ArchivedErasuresWatch): Promise<void> {
      const pending = await everyId(erasures.listUnarchived)
      if (pending.size === 0 || !(await takeOut(pending, watch))) return
      for (const ids = [...pending]; ids.length > 0; ) await erasures.finishArchives(ids.splice(0, pageSize), now())
    },

    /** For all erasures that there ever were, as older copies of the files may hold any of them. Returns whether everything went. */
    async runAll(watch: ArchivedErasuresWatch): Promise<boolean> {
      return takeOut(await everyId(erasures.list), watch)
    },
  }
}
