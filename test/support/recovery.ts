import { randomInt } from 'node:crypto'
import type { Client } from './client.ts'
import {
  ConfirmNewEmailDocument,
  LoginDocument,
  RequestPasswordResetDocument,
  ResetPasswordDocument,
} from './documents.generated.ts'
import { eventually, type Gatehouse, type TestUser } from './gatehouse.ts'

/** The tokens mailed to an address, newest first, once there are `count`. */
export const tokensTo = (gatehouse: Pick<Gatehouse, 'mailTo'>, email: string, count: number): Promise<string[]> =>
  eventually(async () => {
    const tokens = (await gatehouse.mailTo(email)).flatMap(({ text }) => /#token=([\w-]+)/.exec(text)?.[1] ?? [])
    return tokens.length === count && tokens
  })

/** The newest token mailed to an address, once there are `count`. */
export const newestTokenTo = async (gatehouse: Pick<Gatehouse, 'mailTo'>, email: string, count = 1): Promise<string> =>
  (await tokensTo(gatehouse, email, count))[0] as string

/** Asks for a reset of a user's password and reads the token of it in their mail, where `earlier` others are. */
export const mailedResetToken = async (gatehouse: Gatehouse, { email }: { email: string }, earlier = 0) => {
  await gatehouse.anonymous.ask(RequestPasswordResetDocument, { email })
  return newestTokenTo(gatehouse, email, earlier + 1)
}

/** The subjects of the mails to an address, oldest first, once there are `count`. */
export const subjectsTo = (gatehouse: Pick<Gatehouse, 'mailTo'>, email: string, count: number): Promise<string[]> =>
  eventually(async () => {
    const mails = await gatehouse.mailTo(email)
    return mails.length === count && mails.map(({ subject }) => subject).toReversed()
  })

export const resetPassword = (client: Client, token: string, newPassword: string) =>
  client.send(ResetPasswordDocument, { input: { token, newPassword } })

export const confirmEmail = (client: Client, token: string) =>
  client.send(ConfirmNewEmailDocument, { input: { token } })

/** How a sign-in with this password ends: a type of LoginResult, or the code of the failure. */
export const loginOutcome = async (client: Client, email: string, password: string): Promise<string | undefined> => {
  const { data, errors } = await client.send(LoginDocument, { input: { email, password } })
  return data?.login.__typename ?? errors?.[0]?.extensions.code
}

/** A session of a user that bears a fresh proof. */
export const freshlyProved = (gatehouse: Gatehouse, user: TestUser, methods: ('PASSWORD' | 'TOTP')[] = ['PASSWORD']) =>
  gatehouse.signedInAs(user, methods, new Date(gatehouse.now().getTime() + 5 * 60_000))

/** A client somewhere else on the internet, as a server that trusts its proxy sees it: limits of networks count apart. */
export const fromElsewhere = (client: Client): Client =>
  client.with({ 'x-forwarded-for': [10, 0, 0, 0].map(() => randomInt(1, 255)).join('.') })
