import type { EventDetails } from '../audit/security-event.ts'

export type RiskRule =
  | 'NEW_DEVICE'
  | 'NEW_LOCATION'
  | 'IMPOSSIBLE_TRAVEL'
  | 'CREDENTIAL_STUFFING'
  | 'SESSION_CONTEXT_CHANGED'
  | 'SESSION_COUNTRY_CHANGED'

/** What a rule found unusual, and by what. */
export interface Finding {
  readonly rule: RiskRule
  readonly evidence: EventDetails
}
