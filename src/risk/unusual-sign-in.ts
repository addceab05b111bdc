import type { EventReport } from '../audit/security-event.ts'
import type { Message } from '../messaging/message.ts'
import { newDeviceNotice, type Occasion, unusualPlaceNotice } from '../messaging/notices.ts'
import { detailsOf, policy } from './policy.ts'
import type { SignInRisk } from './sign-in.ts'

/** What is recorded and told of a sign-in, where it is the first of those that found the same. */
export interface Unusual {
  readonly reports: readonly EventReport[]
  readonly mail: Message
}

export interface SignInOccasion extends Occasion {
  readonly email: string
  /** What the events have in common. */
  readonly about: Omit<EventReport, 'type' | 'details'>
  readonly isFactorProved: boolean
}

/** What is recorded and told of an unusual sign-in once it opens its session: of the device, and of the place; null for nothing. */
export const unusualSignIn = (
  { findings, place }: SignInRisk,
  { email, about, isFactorProved, ...occasion }: SignInOccasion,
): { readonly newDevice: Unusual | null; readonly unusualPlace: Unusual | null } => {
  const reportsOf = (...types: readonly ('NEW_DEVICE' | 'NEW_LOCATION' | 'IMPOSSIBLE_TRAVEL')[]): EventReport[] =>
    types.flatMap((type) => {
      const found = findings.filter(({ rule }) => rule === type)
      const done = policy[type].follows.filter((action) => action !== 'SECOND_FACTOR' || isFactorProved)
      return found.map((finding) => ({ ...about, type, details: detailsOf([finding], done) }))
    })
  const ofDevice = reportsOf('NEW_DEVICE')
  const ofPlace = reportsOf('NEW_LOCATION', 'IMPOSSIBLE_TRAVEL')
  const device = String(ofDevice[0]?.details?.device)
  return {
    newDevice:
      ofDevice.length > 0 ? { reports: ofDevice, mail: newDeviceNotice(email, { device, ...occasion }) } : null,
    unusualPlace:
      ofPlace.length > 0 && place
        ? {
            reports: ofPlace,
            mail: unusualPlaceNotice(email, {
              place,
              isTooFar: ofPlace.some(({ type }) => type === 'IMPOSSIBLE_TRAVEL'),
              ...occasion,
            }),
          }
        : null,
  }
}
