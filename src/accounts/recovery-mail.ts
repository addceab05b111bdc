import type { Message } from '../messaging/message.ts'
import type { Occasion } from '../messaging/notices.ts'

// Tokens stand behind a #, where neither a server's log nor a Referer header sees them (ASVS 14.2.1).

const from = ({ ipAddress, at }: Occasion): string => `at ${at.toISOString()} from the network address ${ipAddress}`

/** The link that sets a new password, with when and from where it was asked for. */
export const resetMail = (
  { to, token, minutes }: { to: string; token: string; minutes: number },
  publicUrl: string,
  occasion: Occasion,
): Message => ({
  to,
  subject: 'Reset your password',
  text: `Someone, we hope you, asked ${from(occasion)} for a new password for your account. To choose it, open

${publicUrl}/reset-password#token=${token}

within ${minutes} minutes. If you asked more than once, only the newest link works. If it was not you, do nothing: your
password stays as it is.
`,
})

/** The link that gives an account this address. */
export const emailChangeMail = (
  { to, token, hours }: { to: string; token: string; hours: number },
  publicUrl: string,
  occasion: Occasion,
): Message => ({
  to,
  subject: 'Confirm your new email address',
  text: `Someone, we hope you, asked ${from(occasion)} to sign in with this address from now on. To confirm it, open

${publicUrl}/confirm-email#token=${token}

within ${hours} hours. If it was not you, do nothing: without this link nothing changes.
`,
})

/** What the owner of a taken address learns; whoever typed it learns nothing. */
export const addressWantedMail = (to: string): Message => ({
  to,
  subject: 'You already have an account',
  text: `Someone, perhaps you, tried to give this address to another account. It belongs to yours already. Nothing has changed.

If it was you, sign in to this account. If it was not, do nothing.
`,
})

/** To the address that is to be replaced, before anything happens. */
export const emailChangeRequestedNotice = (to: string, newEmail: string, occasion: Occasion): Message => ({
  to,
  subject: 'A new email address was asked for',
  text: `Someone asked ${from(occasion)} to change the address of your account to ${newEmail}. It stays as it is until that mailbox confirms it.

If it was you, there is nothing to do here. If it was not, sign in, end the sessions that you do not know, and change your password: that also voids the request.
`,
})

/** To the old address and to the new one. */
export const emailChangedNotice = (to: string, newEmail: string, occasion: Occasion): Message => ({
  to,
  subject: 'Your email address was changed',
  text: `The address of your account was changed to ${newEmail} ${from(occasion)}. Sign in with that one from now on.

If it was you, there is nothing to do. If it was not, tell your administrator at once.
`,
})
