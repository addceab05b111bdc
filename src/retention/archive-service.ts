import type { Clock } from '../lib/clock.ts'
import { type createArchiveMonth, Interrupted, type MonthOutcome, type MonthWatch } from './archive-month-service.ts'
import type { AuditArchiveStore } from './audit-archive-store.ts'
import type { MeasuredMonth } from './month-size-service.ts'

export interface ArchivesDeps {
  readonly archives: Pick<AuditArchiveStore, 'months'>
  readonly month: ReturnType<typeof createArchiveMonth>
  /** How many whole months stay in the database after a month ended. */
  readonly keptMonths: number
  readonly now: Clock
}

export interface ArchivesWatch extends MonthWatch {
  readonly onMonth: (month: string, outcome: MonthOutcome) => void
  /** A month could not be archived; the others are all the same. */
  readonly onProblem: (month: string, problem: unknown) => void
}

export type Archives = ReturnType<typeof createArchives>

/** Held by whoever archives, server or command, while at it. */
export const archivesTurn = 'audit archives'

/** Whether a month, by its first day, ended so many whole months ago. */
const isDue = (month: string, keptMonths: number, at: Date): boolean => {
  const first = new Date(month)
  return Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1 + keptMonths) <= at.getTime()
}

/** Months of the log that were kept long enough, oldest first. */
export const createArchives = ({ archives, month, keptMonths, now }: ArchivesDeps) => {
  const due = async (): Promise<readonly string[]> =>
    (await archives.months()).filter((each) => isDue(each, keptMonths, now()))
  return {
    /** Archives them and drops them from the database. Returns whether it came to the end. */
    async run({ onMonth, onProblem, ...watch }: ArchivesWatch): Promise<boolean> {
      for (const each of await due()) {
        try {
          onMonth(each, await month.archive(each, watch))
        } catch (problem) {
          if (problem instanceof Interrupted) return false
          onProblem(each, problem)
        }
      }
      return true
    },

    /** What a run would find; changes nothing. */
    async list(): Promise<readonly (readonly [month: string, measured: MeasuredMonth])[]> {
      const found: [string, MeasuredMonth][] = []
      for (const each of await due()) found.push([each, await month.measure(each, async () => {})])
      return found
    },
  }
}
