import type { Role } from '../accounts/account.ts'
import type { Location } from '../sessions/location.ts'
import type { Message } from './message.ts'

// What happened to an account, told to its owner's mailbox (NIST SP 800-63B-4 §4.6, ASVS 6.3.5 and 6.3.7). No notice
// holds a link: whoever forges one can't hide behind ours.

export interface Occasion {
  readonly ipAddress: string
  readonly at: Date
}

const nameOf = ({ city, countryCode }: Location): string => {
  const country = countryNames.of(countryCode) ?? countryCode
  return city === null ? `in ${country}` : `near ${city}, ${country}`
}
const countryNames = new Intl.DisplayNames('en', { type: 'region' })

const whenAndWhere = ({ ipAddress, at }: Occasion): string =>
  `at ${at.toISOString()} from the network address ${ipAddress}`

const notice = (to: string, subject: string, what: string, ifNotYou: string): Message => ({
  to,
  subject,
  text: `${what}

If it was you, there is nothing to do. If it was not, ${ifNotYou}
`,
})

const takeBack =
  'sign in, end the sessions that you do not know, and change your password. If you can not sign in, reset it.'

export const newDeviceNotice = (to: string, { device, ...occasion }: Occasion & { readonly device: string }): Message =>
  notice(
    to,
    'A sign-in from a new device',
    `Someone signed in to your account ${whenAndWhere(occasion)}, from a device that you had not used before: ${device}.`,
    takeBack,
  )

export const unusualPlaceNotice = (
  to: string,
  { place, isTooFar, ...occasion }: Occasion & { readonly place: Location; readonly isTooFar: boolean },
): Message =>
  notice(
    to,
    'A sign-in from an unusual place',
    `Someone signed in to your account ${whenAndWhere(occasion)}, which is ${nameOf(place)}${
      isTooFar ? ': farther away than anybody could have travelled since the last sign-in' : ''
    }.`,
    takeBack,
  )

export const changedContextNotice = (to: string, device: string, occasion: Occasion): Message =>
  notice(
    to,
    'One of your sessions moved to another device',
    `One of your sessions was used ${whenAndWhere(occasion)}, on another kind of device than it began on: ${device}.`,
    takeBack,
  )

export const riskySessionNotice = (to: string, device: string, occasion: Occasion): Message =>
  notice(
    to,
    'A session was ended for your safety',
    `One of your sessions was used ${whenAndWhere(occasion)}, in another country and on another kind of device than it began on: ${device}. The session was ended.`,
    takeBack,
  )

export const signInRefusedNotice = (to: string, occasion: Occasion): Message => ({
  to,
  subject: 'A sign-in with your password was refused',
  text: `Someone gave the right password of your account ${whenAndWhere(occasion)}, where many passwords of other people are tried. It was refused, as if the password had been wrong.

If it was you, reset your password from where you are, and sign in with the new one. If it was not, someone knows your
password: reset it now, and add a second factor.
`,
})

export const factorAddedNotice = (to: string, label: string, occasion: Occasion): Message =>
  notice(
    to,
    'A second factor was added',
    `The second factor "${label}" was added to your account ${whenAndWhere(occasion)}.`,
    `remove it, and ${takeBack}`,
  )

export const factorRemovedNotice = (to: string, label: string, occasion: Occasion): Message =>
  notice(
    to,
    'A second factor was removed',
    `The second factor "${label}" was removed from your account ${whenAndWhere(occasion)}. Every other session was ended.`,
    takeBack,
  )

export const factorDisabledNotice = (to: string, label: string, failures: number, occasion: Occasion): Message =>
  notice(
    to,
    'A second factor was disabled',
    `There were ${failures} wrong codes in a row for the second factor "${label}", the last ${whenAndWhere(occasion)}. It is disabled. Sign in with another method, remove it, and enrol it again.`,
    'someone may know your password: change it.',
  )

const few = 3

export const backupCodeUsedNotice = (to: string, remaining: number, occasion: Occasion): Message =>
  notice(
    to,
    'A backup code was used',
    `A backup code of your account was used ${whenAndWhere(occasion)}. ${
      remaining === 0
        ? 'It was the last one: make a new set now.'
        : `${remaining} of them ${remaining === 1 ? 'is' : 'are'} left${remaining <= few ? ': make a new set soon' : ''}.`
    }`,
    takeBack,
  )

export const backupCodesReplacedNotice = (to: string, occasion: Occasion): Message =>
  notice(
    to,
    'New backup codes were made',
    `A new set of backup codes was made for your account ${whenAndWhere(occasion)}. The old codes no longer work.`,
    takeBack,
  )

export const passwordChangedNotice = (to: string, occasion: Occasion): Message =>
  notice(
    to,
    'Your password was changed',
    `The password of your account was changed ${whenAndWhere(occasion)}. Every other session was ended, and no device is trusted any more.`,
    'reset your password now.',
  )

export const lockedNotice = (to: string, what: string, minutes: number, occasion: Occasion): Message =>
  notice(
    to,
    'Your account is locked for a while',
    `There were too many wrong ${what} for your account, the last ${whenAndWhere(occasion)}. That is locked for ${minutes} minutes.`,
    'someone is trying to get in: choose a password that you use nowhere else.',
  )

export const unlockedNotice = (to: string, occasion: { readonly at: Date }): Message =>
  notice(
    to,
    'Your account was unlocked',
    `An administrator unlocked your account at ${occasion.at.toISOString()}.`,
    'tell your administrator.',
  )

export const suspendedNotice = (to: string, { at }: { readonly at: Date }): Message => ({
  to,
  subject: 'Your account was suspended',
  text: `An administrator suspended your account at ${at.toISOString()}. Every session was ended, and no device is trusted any more.

You can not sign in until an administrator reinstates the account; a new password does not change that. If you do not
know why it was suspended, ask your administrator.
`,
})

export const reinstatedNotice = (to: string, { at }: { readonly at: Date }): Message => ({
  to,
  subject: 'Your account was reinstated',
  text: `An administrator reinstated your account at ${at.toISOString()}. You can sign in again, with the password and the second factor that you had before.

If you did not expect that, tell your administrator.
`,
})

export const erasedNotice = (to: string, { by, at }: { readonly by: string; readonly at: Date }): Message => ({
  to,
  subject: 'Your account was erased',
  text: `${by} erased your account at ${at.toISOString()}. Nothing that names you is kept, this address included: this is the last message. It can not be undone.

If you did not expect that, tell whoever runs the service that the account belonged to. You may register again with this address.
`,
})

export const sessionsRevokedNotice = (to: string, { at }: { readonly at: Date }): Message => ({
  to,
  subject: 'An administrator ended your sessions',
  text: `An administrator ended your sessions at ${at.toISOString()}. No device is trusted any more. To go on, sign in again.

If you do not know why, ask your administrator.
`,
})

export const roleChangedNotice = (
  to: string,
  { from, to: role }: { readonly from: Role; readonly to: Role },
  { at }: { readonly at: Date },
): Message => ({
  to,
  subject: 'Your role was changed',
  text: `An administrator changed the role of your account at ${at.toISOString()}: you were ${nameOfRole[from]}, and are ${nameOfRole[role]} now. Every session was ended. To go on, sign in again.

If you do not know why, ask your administrator.
`,
})
const nameOfRole: Readonly<Record<Role, string>> = {
  USER: 'a user',
  AUDITOR: 'an auditor',
  ADMIN: 'an administrator',
}

export const mfaResetNotice = (to: string, { at }: { readonly at: Date }): Message => ({
  to,
  subject: 'Your second factors were removed',
  text: `An administrator removed every second factor and backup code from your account at ${at.toISOString()}. Every session was ended, and no device is trusted any more. Your password alone opens the account now: sign in, and enrol a second factor again.

If you did not ask for that, someone may have asked in your name: change your password, and tell your administrator.
`,
})

export const tokenReusedNotice = (to: string, occasion: Occasion): Message =>
  notice(
    to,
    'A session was ended for your safety',
    `The key to one of your sessions was used a second time ${whenAndWhere(occasion)}, as a copy of it would be. The session was ended.`,
    takeBack,
  )

export const copiedTrustNotice = (to: string, device: string, occasion: Occasion): Message =>
  notice(
    to,
    'A trusted device is no longer trusted',
    `The token of your trusted device ${device} was used a second time ${whenAndWhere(occasion)}, as a copy of it would be. It is no longer trusted.`,
    takeBack,
  )
