import type { EventStore } from '../audit/event-store.ts'
import type { FloodGuard } from '../budgets/flood-service.ts'
import { badInput } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import type { ActAsOwner } from '../mfa/step-up-service.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import { type Consent, type Decision, mostPurposes, parseDecision } from './consent.ts'
import type { ConsentStore } from './consent-store.ts'

interface Stores {
  readonly consents: ConsentStore
  readonly events: Pick<EventStore, 'append'>
}

export interface ConsentDeps {
  readonly actAsOwner: ActAsOwner<Stores>
  readonly consents: Pick<ConsentStore, 'listCurrent'>
  readonly claimOfUser: FloodGuard['claimOfUser']
  readonly now: Clock
}

export type ConsentService = ReturnType<typeof createConsentService>

/** What users agree to, and to what no more. */
export const createConsentService = ({ actAsOwner, consents, claimOfUser, now }: ConsentDeps) => ({
  list: ({ account }: SignedInCaller): Promise<Consent[]> => consents.listCurrent(account.id),

  /**
   * Records a decision. The same one again changes nothing and answers with the first, also of any number at once. Throws
   * BAD_USER_INPUT, RATE_LIMITED.
   */
  async record(caller: SignedInCaller, form: Decision, client: ClientInfo): Promise<Consent> {
    const decision = parseDecision(form)
    await claimOfUser('consents', caller, client)
    const { purpose, version, granted } = decision
    return actAsOwner(caller, client, 'never', async (stores, owner) => {
      const current = await stores.consents.listCurrent(owner.id)
      const known = current.find((consent) => consent.purpose === purpose)
      if (known?.version === version && known.granted === granted) return known
      if (!known && current.length >= mostPurposes)
        throw badInput('input.purpose', `must be one of the ${mostPurposes} that were decided on before`)
      const type = granted ? 'CONSENT_RECORDED' : 'CONSENT_WITHDRAWN'
      const about = { userId: owner.id, sessionId: caller.session.id, client, details: { purpose, version } }
      await stores.events.append({ type, outcome: 'SUCCESS', ...about })
      return stores.consents.add(owner.id, decision, now())
    })
  },
})
