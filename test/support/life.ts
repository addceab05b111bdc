import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { createClient } from './client.ts'
import {
  ChangeEmailDocument,
  ChangePasswordDocument,
  ConfirmEmailDocument,
  ConfirmNewEmailDocument,
  EnrolMfaDocument,
  LoginDocument,
  LogoutDocument,
  RefreshSessionDocument,
  RegenerateBackupCodesDocument,
  RegisterDocument,
  RemoveMfaFactorDocument,
  RequestPasswordResetDocument,
  ResetPasswordDocument,
  RevokeOtherSessionsDocument,
  RevokeSessionDocument,
  RevokeTrustedDeviceDocument,
  TrustedDevicesDocument,
  VerifyMfaDocument,
} from './documents.generated.ts'
import { type Mail, testPassword } from './gatehouse.ts'
import { totpCode } from './totp.ts'

/** Where an account lives: each operation goes to one of the servers, and is counted once it is answered. */
export interface World {
  serverUrl(): string
  onAnswer(): void
}

const longestMailMs = 5_000

/**
 * All that a person does with an account, from its registration to the last sign-out, with each kind of change at least
 * once. Rejects at the first operation that is not answered as it should. Adds the sessions that it was told of to `sessionIds`.
 */
export const live = async (world: World, sessionIds: string[]): Promise<void> => {
  let email = `${randomUUID()}@example.com`
  let password = testPassword

  const ask = async <Data, Variables>(
    token: string | null,
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ) => {
    const data = await createClient(world.serverUrl(), token).ask(document, variables)
    world.onAnswer()
    return data
  }

  /** The newest token mailed to the address, once there are `count`. */
  const mailedToken = async (to: string, count = 1): Promise<string> => {
    for (const giveUpAt = Date.now() + longestMailMs; Date.now() < giveUpAt; await pause(50)) {
      const response = await fetch(`${world.serverUrl()}/outbox.json?to=${encodeURIComponent(to)}`)
      const mails = (await response.json()) as Mail[]
      const tokens = mails.flatMap(({ text }) => /#token=([\w-]+)/.exec(text)?.[1] ?? [])
      if (tokens[0] && tokens.length >= count) return tokens[0]
    }
    throw new Error('No mail came')
  }

  const signIn = async (deviceToken: string | null, backupCode?: string, trustDevice = false) => {
    const { login } = await ask(null, LoginDocument, { input: { email, password, deviceToken } })
    const end =
      login.__typename === 'MfaRequired' && backupCode
        ? (
            await ask(null, VerifyMfaDocument, {
              input: { challengeId: login.challenge.id, code: backupCode, trustDevice },
            })
          ).verifyMfa
        : login
    if (end.__typename !== 'SignedIn') throw new Error(`The sign-in ended as ${end.__typename}`)
    sessionIds.push(end.session.id)
    return { token: end.sessionToken as string, deviceToken: end.deviceToken ?? null, id: end.session.id }
  }

  const refreshed = async (token: string) =>
    (await ask(token, RefreshSessionDocument, {})).refreshSession.sessionToken as string

  /** Puts an authenticator app in force. */
  const enrol = async (token: string) => {
    const { enrolMfa } = await ask(token, EnrolMfaDocument, { input: { method: 'TOTP' } })
    if (enrolMfa.__typename !== 'TotpEnrolment') throw new Error('No seed came')
    const input = { challengeId: enrolMfa.challenge.id, code: totpCode(enrolMfa.secret, new Date()) }
    const { verifyMfa } = await ask(token, VerifyMfaDocument, { input })
    if (verifyMfa.__typename !== 'MfaActivated') throw new Error(`The enrolment ended as ${verifyMfa.__typename}`)
    const { sessionToken, factor, backupCodes } = verifyMfa
    return { token: sessionToken as string, factorId: factor.id, codes: backupCodes?.codes ?? [] }
  }

  await ask(null, RegisterDocument, { input: { email, password } })
  const { confirmEmail } = await ask(null, ConfirmEmailDocument, { input: { token: await mailedToken(email) } })
  sessionIds.push(confirmEmail.session.id)
  let home = await refreshed(await refreshed(confirmEmail.sessionToken as string))

  const first = await enrol(home)
  home = first.token
  const laptop = await signIn(null, first.codes[0], true)
  const tab = await signIn(laptop.deviceToken)
  const tabToken = await refreshed(await refreshed(tab.token))
  const phone = await signIn(null, first.codes[1])
  await ask(home, RevokeSessionDocument, { id: phone.id })
  await ask(tabToken, LogoutDocument, {})
  await refreshed((await signIn(tab.deviceToken)).token)
  await ask(home, RevokeOtherSessionsDocument, {})

  const { codes } = (await ask(home, RegenerateBackupCodesDocument, {})).regenerateBackupCodes
  await signIn(null, codes[0], true)
  await signIn(null, codes[1], true)
  const [device] = (await ask(home, TrustedDevicesDocument, {})).trustedDevices
  await ask(home, RevokeTrustedDeviceDocument, { id: device?.id ?? '' })
  const newPassword = `${password} of another time`
  const input = { currentPassword: password, newPassword }
  home = (await ask(home, ChangePasswordDocument, { input })).changePassword.sessionToken as string
  password = newPassword
  await refreshed((await signIn(null, codes[2])).token)

  const second = await enrol(home)
  home = await refreshed(second.token)
  const newEmail = `${randomUUID()}@new.example.com`
  await ask(home, ChangeEmailDocument, { newEmail })
  await ask(null, ConfirmNewEmailDocument, { input: { token: await mailedToken(newEmail) } })
  email = newEmail
  await ask(home, RemoveMfaFactorDocument, { id: second.factorId })
  await ask(home, LogoutDocument, {})

  await ask(null, RequestPasswordResetDocument, { email })
  const reset = { token: await mailedToken(email, 2), newPassword: testPassword }
  const { resetPassword } = await ask(null, ResetPasswordDocument, { input: reset })
  if (resetPassword.__typename !== 'MfaRequired') throw new Error(`The reset ended as ${resetPassword.__typename}`)
  const proof = { challengeId: resetPassword.challenge.id, code: codes[3] ?? '' }
  const { verifyMfa } = await ask(null, VerifyMfaDocument, { input: proof })
  if (verifyMfa.__typename !== 'PasswordChanged') throw new Error(`The reset ended as ${verifyMfa.__typename}`)
  password = testPassword
  await signIn(null, codes[4])
}
