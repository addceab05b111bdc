import type { EventStore } from '../audit/event-store.ts'
import type { EventReport } from '../audit/security-event.ts'
import type { ChainPosition } from '../audit/verification.ts'
import type { Transact } from '../db/transact.ts'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import { newestStepAt } from '../mfa/totp.ts'
import type { EndedByRestore, RestoreStore } from './restore-store.ts'

interface Stores {
  readonly restores: RestoreStore
  readonly events: Pick<EventStore, 'append'>
}

export interface RestoreDeps {
  readonly transact: Transact<Stores>
  readonly now: Clock
}

/** How much was ended or voided, by kind. */
export type Restored = Readonly<Record<string, number>>

export interface RestoreOptions {
  /** A head of the log that was lost, where somebody noted one down. */
  readonly lostHead: ChainPosition | null
  /** Only to count: nothing is changed. */
  readonly isDryRun: boolean
  /** Hears how many ends of sessions were recorded, and what share of all. */
  readonly onProgress: (count: number, share: number) => void
}

const eventsAtOnce = 1_000
const note = 'The database was restored from a backup'

class RollBack extends Error {}

/**
 * Makes a database that was put back to an earlier state safe to serve: whatever may have been ended, used up or taken back since
 * the backup counts no more, and nothing counts that Redis holds from then. All of it, with its events, is one transaction.
 */
export const createAfterRestore =
  ({ transact, now }: RestoreDeps) =>
  async ({ lostHead, isDryRun, onProgress }: RestoreOptions): Promise<Restored> => {
    let restored: Restored = {}
    const work = transact(async ({ restores, events }) => {
      const at = now()
      await restores.enter(newId(), at)
      const head = await restores.sealedHead()
      const ended = await restores.endSessions(at)
      restored = { sessions: ended.length, ...(await restores.voidAll(at, newestStepAt(at))) }
      if (isDryRun) throw new RollBack()
      const details = { ...restored, head: textOf(head), ...(lostHead && { lostHead: textOf(lostHead) }) }
      await events.append({ type: 'DATABASE_RESTORED', outcome: 'SUCCESS', userId: null, client: null, details })
      for (let n = 0; n < ended.length; n += eventsAtOnce) {
        await events.append(...ended.slice(n, n + eventsAtOnce).map(reportOf))
        onProgress(n, n / ended.length)
      }
    })
    await work.catch((problem: unknown) => {
      if (!(problem instanceof RollBack)) throw problem
    })
    return restored
  }

const textOf = ({ sequence, hash }: ChainPosition): string => `${sequence}:${hash.toString('hex')}`

const reportOf = ({ sessionId, userId, endReason: reason }: EndedByRestore): EventReport => {
  const about = { outcome: 'SUCCESS', userId, sessionId, client: null } as const
  return reason === 'EXPIRED' || reason === 'IDLE'
    ? { ...about, type: 'SESSION_EXPIRED', details: { reason } }
    : { ...about, type: 'SESSION_REVOKED', details: { reason, note } }
}
