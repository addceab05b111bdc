import type { AccountStore } from '../accounts/account-store.ts'
import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { FloodGuard } from '../budgets/flood-service.ts'
import type { Transact } from '../db/transact.ts'
import { AppError, badInput, failureIn } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import { isId } from '../lib/ids.ts'
import { fingerprint } from '../lib/secret.ts'
import { assess } from '../risk/sign-in.ts'
import type { SignInHistoryStore } from '../risk/sign-in-history-store.ts'
import { describeDevice } from './device.ts'
import { type Admission, type Admit, type GateStores, limitRefusal } from './gate-service.ts'
import type { Locate } from './location-service.ts'
import type { ClientInfo } from './session.ts'
import type { EndSessions, SessionEndStores } from './session-end-service.ts'
import type { SessionStore } from './session-store.ts'
import type { TicketStore } from './ticket-store.ts'

interface Stores extends Omit<GateStores, 'sessions'>, Omit<SessionEndStores, 'sessions'> {
  readonly accounts: Pick<AccountStore, 'lock'>
  readonly tickets: Pick<TicketStore, 'find'>
  readonly signInHistory: Pick<SignInHistoryStore, 'read'>
  readonly sessions: GateStores['sessions'] & SessionEndStores['sessions'] & Pick<SessionStore, 'areOf'>
}

export interface ResolveSessionLimitDeps {
  readonly transact: Transact<Stores>
  readonly recordEvent: RecordEvent
  readonly floods: Pick<FloodGuard, 'claim'>
  readonly admit: Admit
  readonly endSessions: EndSessions
  readonly locate: Locate
  readonly now: Clock
}

export interface SessionLimitChoice {
  readonly ticket: string
  readonly endSessionIds: readonly string[]
}

export type ResolveSessionLimit = (choice: SessionLimitChoice, client: ClientInfo) => Promise<Admission>

const mostEnded = 100

/**
 * Ends the chosen sessions and signs in with a ticket, or changes nothing: of any number of calls with one ticket, one
 * does. Throws CHALLENGE_EXPIRED for a ticket that is spent, expired, unknown or overtaken by a change of password or
 * factors, NOT_FOUND for a session of someone else, CONFLICT when too few were chosen, BAD_USER_INPUT, RATE_LIMITED.
 */
export const createResolveSessionLimit = (deps: ResolveSessionLimitDeps): ResolveSessionLimit => {
  const { transact, recordEvent, floods, admit, endSessions, now } = deps

  /** What a refusal undid is recorded after it, and counts against the network that tries. */
  const recordRefusal = async (problem: unknown, userId: string | null, client: ClientInfo): Promise<never> => {
    const code = failureIn(problem)?.code
    if (code === 'CONFLICT' || code === 'NOT_FOUND') {
      await floods.claim('failures', client)
      const details = { field: 'resolveSessionLimit', code }
      await recordEvent(
        code === 'CONFLICT' && userId
          ? limitRefusal(userId, client)
          : { type: 'ACCESS_DENIED', outcome: 'DENIED', userId, client, details },
      )
    }
    throw problem
  }

  return async ({ ticket, endSessionIds }, client) => {
    if (endSessionIds.length > mostEnded) throw badInput('input.endSessionIds', `has at most ${mostEnded} ids`)
    const ticketHash = fingerprint(ticket)
    const place = await deps.locate(client.ipAddress)
    const device = describeDevice(client.userAgent).label
    let userId: string | null = null
    const admission = await transact(async (stores) => {
      const { accounts, tickets, sessions } = stores
      const found = await tickets.find(ticketHash, now())
      const owner = found && (await accounts.lock(found.userId))
      // Asked again under the lock, as another call may have spent it.
      const held = owner && (await tickets.find(ticketHash, now()))
      if (!held || (owner.mfaEnabled && held.proofs.length < 2)) return null
      userId = owner.id
      if (!(endSessionIds.every(isId) && (await sessions.areOf(owner.id, endSessionIds)))) {
        throw new AppError('NOT_FOUND')
      }
      await endSessions(stores, owner.id, { only: endSessionIds }, 'LIMIT_REACHED', { client })
      const history = await stores.signInHistory.read(owner.id, device)
      return admit(stores, {
        ...held,
        user: owner,
        answered: null,
        spentTicketHash: ticketHash,
        deviceToken: null,
        budget: null,
        client,
        risk: assess(history, { device, place, isNetworkSuspect: false, at: now() }),
        reports: [],
      })
    }).catch((problem: unknown) => recordRefusal(problem, userId, client))
    if (admission) return admission
    await floods.claim('failures', client)
    const details = { reason: 'no open ticket' }
    await recordEvent({ type: 'LOGIN_FAILED', outcome: 'FAILURE', userId: null, client, details })
    throw new AppError('CHALLENGE_EXPIRED')
  }
}
