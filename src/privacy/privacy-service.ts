import { setTimeout as wait } from 'node:timers/promises'
import type { ActOnUser } from '../admin/act-on-user-service.ts'
import type { FloodGuard } from '../budgets/flood-service.ts'
import type { Clock } from '../lib/clock.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import type { ActAsOwner } from '../mfa/step-up-service.ts'
import { type ConsentDeps, createConsentService } from './consent-service.ts'
import { createExportData, type DataExportDeps } from './data-export-service.ts'
import { createErasureCompletion, type ErasureCompletionDeps } from './erasure-completion-service.ts'
import { type BuryDeps, createBury, createErasureService, type ErasureStores } from './erasure-service.ts'

type Acts = Pick<ConsentDeps, 'actAsOwner'> & Pick<DataExportDeps, 'actAsOwner'>

export interface PrivacyDeps extends Acts, Pick<BuryDeps, 'endSessions' | 'buryAccount' | 'wakeMailRelay'> {
  readonly actAsOwner: ActAsOwner<ErasureStores> & Acts['actAsOwner']
  readonly actOnUser: ActOnUser<ErasureStores>
  readonly consents: ConsentDeps['consents']
  readonly erasures: ErasureCompletionDeps['erasures']
  readonly erasedRows: ErasureCompletionDeps['rows']
  readonly claimOfUser: FloodGuard['claimOfUser']
  readonly logProblem: (problem: unknown) => void
  readonly keys: KeyRing
  readonly now: Clock
}

const pollMs = 10
const mostMsOfRequest = 2_000 // whoever has a longer history is answered, and the rest of it goes in the moments after
const mostMs = 60_000 // what is left then goes with the next purge

/** What users decide about their data, what they get of it, and how it ends. */
export const createPrivacy = (deps: PrivacyDeps) => {
  const { actAsOwner, actOnUser, erasures, erasedRows, logProblem, now } = deps
  const completion = createErasureCompletion({ erasures, rows: erasedRows, pause: () => wait(pollMs), now })
  /** It is done again, whatever comes of it. */
  const complete = async (userId: string): Promise<void> => {
    const completed = completion.complete(userId, mostMs).catch(logProblem)
    await Promise.race([completed, wait(mostMsOfRequest, null, { ref: false })])
  }
  return {
    consents: createConsentService(deps),
    exportData: createExportData(deps),
    erasures: createErasureService({ actAsOwner, actOnUser, bury: createBury({ ...deps, complete }) }),
    completion,
  }
}
