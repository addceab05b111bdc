import type { Account } from '../accounts/account.ts'
import { positionOf } from '../audit/audit-service.ts'
import type { EventStore } from '../audit/event-store.ts'
import { type SecurityEvent, withoutActor } from '../audit/security-event.ts'
import type { FloodGuard } from '../budgets/flood-service.ts'
import type { Clock } from '../lib/clock.ts'
import { type KeyRing, UnknownKeyError } from '../lib/key-ring.ts'
import { phoneBinding } from '../mfa/factor.ts'
import type { FactorStore, SealedFactor } from '../mfa/factor-store.ts'
import type { ActAsOwner } from '../mfa/step-up-service.ts'
import { connectionOf } from '../page.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { DataExportStore } from './data-export-store.ts'

interface Stores {
  readonly dataExports: DataExportStore
  readonly events: Pick<EventStore, 'append' | 'page'>
  readonly factors: Pick<FactorStore, 'listEverySealed'>
}

export interface DataExportDeps {
  readonly actAsOwner: ActAsOwner<Stores>
  readonly claimOfUser: FloodGuard['claimOfUser']
  readonly keys: KeyRing
  readonly now: Clock
}

/** All that is held about a user, as JSON. */
export interface DataExport {
  readonly createdAt: Date
  readonly data: Readonly<Record<string, unknown>>
}

export type ExportData = (caller: SignedInCaller, client: ClientInfo) => Promise<DataExport>

/** How many rows of a section an export has: more than anybody has within what is kept, and some megabytes at most. */
export const mostRows = 10_000
export const mostEvents = 1_000 // the others come in pages

/**
 * Hands a user all that is held about them, secrets aside (GDPR Art. 15 and 20), whole phone numbers included: only the owner
 * gets them, and only with a fresh proof (threat H2). It says what it leaves out. Throws STEP_UP_REQUIRED, RATE_LIMITED.
 */
export const createExportData =
  ({ actAsOwner, claimOfUser, keys, now }: DataExportDeps): ExportData =>
  async (caller, client) => {
    await claimOfUser('exports', caller, client)
    return actAsOwner(caller, client, 'always', async ({ dataExports, events, factors }, owner) => {
      const createdAt = now()
      const sections = await dataExports.sections(owner.id, owner.email, mostRows)
      const acts = await dataExports.acts(owner.id, mostEvents)
      const { edges, pageInfo } = connectionOf(
        await events.page({ userId: owner.id }, null, mostEvents + 1),
        mostEvents,
        positionOf,
      )
      const about = { userId: owner.id, sessionId: caller.session.id, client }
      await events.append({ type: 'DATA_EXPORTED', outcome: 'SUCCESS', ...about })
      const incomplete = Object.keys(sections).filter((name) => (sections[name]?.length ?? 0) > mostRows)
      if (acts.length > mostEvents) incomplete.push('actsOnOthers')
      const sealedFactors = await factors.listEverySealed(owner.id)
      const phones = sealedFactors.filter(({ method }) => method === 'SMS')
      const numbers = new Map(phones.map((factor) => [factor.id, phoneNumberOf(factor, keys)]))
      if ([...numbers.values()].includes(null)) incomplete.push('factors')
      const data = {
        account: accountOf(owner),
        factors: sealedFactors.map((factor) => factorOf(factor, numbers.get(factor.id) ?? null)),
        ...Object.fromEntries(Object.entries(sections).map(([name, rows]) => [name, rows.slice(0, mostRows)])),
        securityEvents: {
          newest: edges.map(({ node }) => eventOf(node)),
          olderAfter: pageInfo.hasNextPage ? pageInfo.endCursor : null,
        },
        actsOnOthers: acts.slice(0, mostEvents),
        incomplete,
      }
      return { createdAt, data }
    })
  }

const accountOf = ({ sessionTag: _tag, version: _version, ...account }: Account) => account

const factorOf = (
  { sealedSecret: _secret, lastUsedStep: _step, userId: _user, ...factor }: SealedFactor,
  phoneNumber: string | null,
) => ({ ...factor, phoneNumber })

/** Null where its key was lost: what else is held is handed over all the same. */
const phoneNumberOf = ({ id, userId, sealedSecret }: SealedFactor, keys: KeyRing): string | null => {
  try {
    return keys.open(sealedSecret, phoneBinding(userId, id))
  } catch (problem) {
    if (problem instanceof UnknownKeyError) return null
    throw problem
  }
}

/** As `securityEvents` shows it to the user: who else acted, and from where, is for administrators. */
const eventOf = (recorded: SecurityEvent) => {
  const isOwn = recorded.actorId === null || recorded.actorId === recorded.userId
  const { userId: _user, actorId: _actor, ...event } = isOwn ? recorded : withoutActor(recorded)
  return event
}
