import type { Location } from '../sessions/location.ts'
import type { Finding } from './finding.ts'

/** Where a session is used, and on what kind of device. */
export interface SessionContext {
  readonly network: string
  readonly device: string
  /** Null where nobody knows. */
  readonly place: Location | null
}

/** Whether two contexts may be one person's who moves on, or whose browser renews itself: not both of them change. */
export const isSameContext = (began: Omit<SessionContext, 'place'>, current: Omit<SessionContext, 'place'>): boolean =>
  began.network === current.network || began.device === current.device

/**
 * A session that is used from another network and on another kind of device than it began with: its token is in other hands
 * than those that got it, or travels between programs of one person. A phone changes its network all day, and its kind never.
 */
export const sessionContextChanged = (began: SessionContext, current: SessionContext): Finding | null =>
  isSameContext(began, current)
    ? null
    : {
        rule: 'SESSION_CONTEXT_CHANGED',
        evidence: {
          fromNetwork: began.network,
          network: current.network,
          fromDevice: began.device,
          device: current.device,
        },
      }

/** The same, in another country: what one person's programs hardly do within a session. */
export const sessionCountryChanged = (began: SessionContext, current: SessionContext): Finding | null => {
  const { place: from } = began
  const { place: to } = current
  if (isSameContext(began, current) || !from || !to || from.countryCode === to.countryCode) return null
  return { rule: 'SESSION_COUNTRY_CHANGED', evidence: { fromCountry: from.countryCode, country: to.countryCode } }
}
