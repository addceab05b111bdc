import type { ExpiredRows } from '../db/expired-rows.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { endedTokenMemorySeconds } from '../sessions/ended-tokens-service.ts'
import type { RetentionStore } from './retention-store.ts'

export interface PurgeDeps {
  readonly retention: RetentionStore
  /** Sessions that ran out of time unnoticed: ends some and returns how many. */
  readonly overdueSessions: { endSome(): Promise<number>; count(): Promise<number> }
  /** Erased accounts of which something may be left: takes it out of some and returns of how many. */
  readonly erasures: { finishSome(mayGoOn: () => Promise<boolean>): Promise<number>; count(): Promise<number> }
  readonly sessionRetentionDays: number
  readonly now: Clock
}

export interface PurgeWatch {
  /** Asked before every statement; nothing more is done once it says no. */
  readonly mayGoOn: () => Promise<boolean>
  readonly onDone: (what: string, count: number) => void
  /** Something could not be deleted; the rest is all the same. */
  readonly onProblem: (what: string, problem: unknown) => void
}

interface Step {
  readonly what: string
  doSome(at: Date, mayGoOn: () => Promise<boolean>): Promise<number>
  count(at: Date): Promise<number>
}

export type Purge = ReturnType<typeof createPurge>

const day = 24 * 3600

/** Deletes what no longer has a purpose, in small statements. Two that run at once delete nothing twice. */
export const createPurge = ({ retention, overdueSessions, erasures, sessionRetentionDays, now }: PurgeDeps) => {
  const deletion = (what: string, rows: ExpiredRows, keptSeconds: number): Step => ({
    what,
    doSome: (at) => rows.deleteSome(secondsAfter(at, -keptSeconds)),
    count: (at) => rows.count(secondsAfter(at, -keptSeconds)),
  })
  const steps: readonly Step[] = [
    { what: 'overdue sessions, ended', doSome: overdueSessions.endSome, count: overdueSessions.count },
    {
      what: 'erased accounts, finished',
      doSome: (_at, mayGoOn) => erasures.finishSome(mayGoOn),
      count: erasures.count,
    },
    deletion('counts of tries', retention.budgets, 0),
    deletion('password resets', retention.passwordResets, 0),
    deletion('changes of address', retention.emailChanges, 0),
    deletion('tickets of sign-ins', retention.sessionTickets, 0),
    deletion('ends that Redis was told of', retention.endedTokens, endedTokenMemorySeconds),
    deletion('challenges', retention.challenges, day),
    deletion('unfinished enrolments', retention.pendingFactors, day),
    deletion('unconfirmed registrations', retention.registrations, day),
    deletion('sent messages', retention.messages, day),
    deletion('last messages that could not be sent', retention.lastMessages, 3 * day),
    deletion('messages that could not be sent', retention.unsentMessages, 5 * day), // RFC 5321 §4.5.4.1
    deletion('trusted devices', retention.trustedDevices, day),
    deletion('keys of access tokens', retention.signingKeys, day),
    deletion('known devices', retention.knownDevices, 90 * day),
    deletion('known places', retention.knownPlaces, 90 * day),
  ]
  /** Take turns until neither finds anything: a session is deleted once its tokens are. */
  const endedSessions: readonly Step[] = [
    deletion('tokens of ended sessions', retention.tokensOfSessions, sessionRetentionDays * day),
    deletion('ended sessions', retention.sessions, sessionRetentionDays * day),
  ]
  return {
    /** Does all of it, and returns whether it came to the end. */
    async run({ mayGoOn, onDone, onProblem }: PurgeWatch): Promise<boolean> {
      const at = now()
      for (const turns of [...steps.map((step) => [step]), endedSessions]) {
        for (let found = 1; found > 0; ) {
          found = 0
          for (const { what, doSome } of turns) {
            if (!(await mayGoOn())) return false
            const done = await doSome(at, mayGoOn).catch((problem) => {
              onProblem(what, problem)
              return 0
            })
            onDone(what, done)
            found += done
          }
        }
      }
      return true
    },

    /** How much a run would find, up to one more than `mostCounted` of each, and changes nothing. */
    async count(): Promise<readonly (readonly [what: string, count: number])[]> {
      const at = now()
      const counts: [string, number][] = []
      for (const { what, count } of [...steps, ...endedSessions]) counts.push([what, await count(at)])
      return counts
    },
  }
}
