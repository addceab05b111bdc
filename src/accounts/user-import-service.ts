import type { EventStore } from '../audit/event-store.ts'
import type { Transact } from '../db/transact.ts'
import type { FieldProblem } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import { newSessionTag } from '../sessions/session-token.ts'
import { emailKeyOf } from './account.ts'
import { type ImportedAccount, readImportLine } from './user-import.ts'
import type { UserImportStore } from './user-import-store.ts'

interface Stores {
  readonly imports: UserImportStore
  readonly events: Pick<EventStore, 'append'>
}

export interface UserImportDeps {
  readonly transact: Transact<Stores>
  readonly now: Clock
}

export interface ImportCounts {
  readonly imported: number
  readonly alreadyThere: number
  readonly refused: number
}

export interface ImportWatcher {
  onRefused(lineNumber: number, problems: readonly FieldProblem[]): void
  /** Called after each batch and each refusal, and at the end. */
  onProgress(counts: ImportCounts): void
}

export type ImportUsers = ReturnType<typeof createImportUsers>

const batchSize = 200 // what one transaction opens in some ten milliseconds

/**
 * Opens an ACTIVE account for each line of an import that is in order and whose address has none, in batches that are
 * each written whole or not at all. So it may be stopped, run again, and run twice at once: every account is opened once,
 * with one event.
 */
export const createImportUsers =
  ({ transact, now }: UserImportDeps) =>
  async (lines: AsyncIterable<Buffer | null>, { onRefused, onProgress }: ImportWatcher): Promise<void> => {
    const counts = { imported: 0, alreadyThere: 0, refused: 0 }
    const lineOfAddress = new Map<string, number>()
    let batch: ImportedAccount[] = []
    let lineNumber = 0

    const refuse = (problems: readonly FieldProblem[]): void => {
      counts.refused += 1
      onRefused(lineNumber, problems)
      onProgress(counts)
    }

    const writeBatch = async (): Promise<void> => {
      const accounts = batch.map((account) => ({ ...account, id: newId(), sessionTag: newSessionTag() }))
      const opened = await transact(async ({ imports, events }) => {
        const opened = await imports.open(accounts, now())
        const report = { type: 'ACCOUNT_REGISTERED', outcome: 'SUCCESS', client: null } as const
        const reports = opened.map(({ id, role }) => ({ ...report, userId: id, details: { by: 'import', role } }))
        if (reports.length > 0) await events.append(...reports)
        return opened.length
      })
      counts.imported += opened
      counts.alreadyThere += batch.length - opened
      batch = []
      onProgress(counts)
    }

    for await (const bytes of lines) {
      lineNumber += 1
      const line = readImportLine(bytes, now())
      if (line.kind === 'blank') continue
      if (line.kind === 'refused') {
        refuse(line.problems)
        continue
      }
      const key = emailKeyOf(line.account.email)
      const earlier = lineOfAddress.get(key)
      if (earlier !== undefined) {
        refuse([{ path: 'email', message: `must be in the file once; line ${earlier} has it` }])
        continue
      }
      lineOfAddress.set(key, lineNumber)
      batch.push(line.account)
      if (batch.length === batchSize) await writeBatch()
    }
    if (batch.length > 0) await writeBatch()
    onProgress(counts)
  }
