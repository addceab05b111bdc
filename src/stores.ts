import { createSigningKeyStore } from './access-tokens/signing-key-store.ts'
import { createAccountStore } from './accounts/account-store.ts'
import { createRecoveryStore } from './accounts/recovery-store.ts'
import { createSignInStore } from './accounts/sign-in-store.ts'
import { createUserPageStore } from './admin/user-page-store.ts'
import { createChainStore } from './audit/chain-store.ts'
import { createEventStore } from './audit/event-store.ts'
import { createRefusalStore } from './audit/refusal-store.ts'
import { createSealedEventStore } from './audit/sealed-event-store.ts'
import { createVerificationStore } from './audit/verification-store.ts'
import { createBudgetStore } from './budgets/budget-store.ts'
import type { Db } from './db/client.ts'
import { createTrustedDeviceStore } from './devices/trusted-device-store.ts'
import type { Clock } from './lib/clock.ts'
import type { KeyRing } from './lib/key-ring.ts'
import { createMessageStore } from './messaging/message-store.ts'
import { createChallengeStore } from './mfa/challenge-store.ts'
import { createFactorStore } from './mfa/factor-store.ts'
import { createPolicyStore } from './mfa/policy-store.ts'
import { createSmsSendStore } from './mfa/sms-send-store.ts'
import { createConsentStore } from './privacy/consent-store.ts'
import { createDataExportStore } from './privacy/data-export-store.ts'
import { createErasedRowsStore } from './privacy/erased-rows-store.ts'
import { createErasureStore } from './privacy/erasure-store.ts'
import { createRestoreStore } from './restore/restore-store.ts'
import { createLeaseStore } from './retention/lease-store.ts'
import { createRetentionStore } from './retention/retention-store.ts'
import { createSessionContextStore } from './risk/session-context-store.ts'
import { createSignInHistoryStore } from './risk/sign-in-history-store.ts'
import { createAdmissionStore } from './sessions/admission-store.ts'
import { createSessionStore } from './sessions/session-store.ts'
import { createTicketStore } from './sessions/ticket-store.ts'

export type Stores = ReturnType<typeof createStores>

/** Every store over the same connections, or in the same transaction. */
export const createStores = (db: Db, keys: KeyRing, now: Clock) => ({
  accounts: createAccountStore(db),
  admissions: createAdmissionStore(db, keys),
  budgets: createBudgetStore(db),
  chain: createChainStore(db),
  challenges: createChallengeStore(db),
  consents: createConsentStore(db),
  dataExports: createDataExportStore(db),
  erasedRows: createErasedRowsStore(db),
  erasures: createErasureStore(db),
  events: createEventStore(db, now),
  factors: createFactorStore(db),
  leases: createLeaseStore(db),
  messages: createMessageStore(db, keys),
  policies: createPolicyStore(db),
  recovery: createRecoveryStore(db),
  refusals: createRefusalStore(db, now),
  restores: createRestoreStore(db),
  retention: createRetentionStore(db),
  sessionContexts: createSessionContextStore(db, keys),
  sealedEvents: createSealedEventStore(db),
  sessions: createSessionStore(db),
  signInHistory: createSignInHistoryStore(db),
  signIns: createSignInStore(db),
  signingKeys: createSigningKeyStore(db),
  smsSends: createSmsSendStore(db),
  tickets: createTicketStore(db),
  trustedDevices: createTrustedDeviceStore(db),
  userPages: createUserPageStore(db),
  verification: createVerificationStore(db),
})
