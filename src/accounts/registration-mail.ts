import type { Message } from '../messaging/message.ts'

/**
 * Says when and from where, as whoever opens the link takes over the password of just that registration. The token stands
 * behind a #, where neither a server's log nor a Referer header sees it (ASVS 14.2.1).
 */
export const confirmationMail = (
  { email: to, token, createdAt }: { email: string; token: string; createdAt: Date },
  { publicUrl, ipAddress, hours }: { publicUrl: string; ipAddress: string; hours: number },
): Message => ({
  to,
  subject: 'Confirm your email address',
  text: `Someone, we hope you, registered this address at ${createdAt.toISOString()} from the network address ${ipAddress}.
To confirm it and open the account with the password chosen then, open

${publicUrl}/confirm-email#token=${token}

within ${hours} hours. If it was not you, do nothing: without this link the account stays closed. If you registered more
than once, open the link of the last time.
`,
})

/** What the owner of a taken address learns; whoever typed it learns nothing. */
export const addressTakenMail = (to: string, publicUrl: string): Message => ({
  to,
  subject: 'You already have an account',
  text: `Someone, perhaps you, tried to register this address, which has an account already. Nothing has changed.

If it was you, sign in at ${publicUrl}. If it was not, do nothing.
`,
})
