import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allSealed } from '../support/chain.ts'
import type { Client } from '../support/client.ts'
import * as documents from '../support/documents.generated.ts'
import {
  codeSentTo,
  confirmationTokenTo,
  eventually,
  type Gatehouse,
  startGatehouse,
  type TestUser,
} from '../support/gatehouse.ts'
import { freshlyProved, mailedResetToken, newestTokenTo } from '../support/recovery.ts'
import { rootOperations, writtenSchema } from '../support/schema-walk.ts'
import { beginEnrolment, loginChallenge } from '../support/second-factor.ts'
import { totpCode, wrongTotpCode } from '../support/totp.ts'

let gatehouse: Gatehouse
let asking: Gatehouse // on the same database, with room for one session
beforeAll(async () => {
  gatehouse = await startGatehouse()
  const sessionLimit = { mostSessions: 1, policy: 'ASK' } as const
  asking = await startGatehouse({ databaseUrl: gatehouse.databaseUrl, config: { sessionLimit } })
})
afterAll(async () => {
  await asking.close()
  await gatehouse.close()
})

/** What a case has to begin with. */
interface Scene {
  readonly user: TestUser
  /** A session of the user with a fresh proof. */
  readonly client: Client & { readonly sessionId: string }
  /** To be called before the operation: what was recorded until then is not looked at. */
  readonly begin: () => Promise<void>
}

/** An operation in one of its outcomes, and the events that it must leave: types, and an outcome where it is not SUCCESS. */
type Case = readonly [outcome: string, events: readonly string[], run: (scene: Scene) => Promise<unknown>]

const wrongPassword = 'certainly not the passphrase'
const newPassword = 'another perfectly fine passphrase'
const nobody = '00000000-0000-4000-8000-000000000000'

const code = (seed: string): string => totpCode(seed, gatehouse.now())
const wrongCode = (seed: string): string => wrongTotpCode(seed, gatehouse.now())
const later = (seconds = 30): void => gatehouse.advanceClock(seconds)
const administrator = async () => freshlyProved(gatehouse, await gatehouse.createUser({ role: 'ADMIN' }))
const login = ({ email }: TestUser, password: string, client = gatehouse.anonymous) =>
  client.send(documents.LoginDocument, { input: { email, password } })
const verify = (client: Client, challengeId: string, code: string, trustDevice = false) =>
  client.send(documents.VerifyMfaDocument, { input: { challengeId, code, trustDevice } })
const register = (email: string) =>
  gatehouse.anonymous.send(documents.RegisterDocument, { input: { email, password: newPassword } })
const freshEmail = () => `new-${Math.random().toString(36).slice(2)}@example.com`

/** Every mutation that authenticates, or changes what does. */
const cases: Record<string, readonly Case[]> = {
  register: [
    [
      'a new address',
      ['ACCOUNT_REGISTERED'],
      async ({ begin }) => {
        await begin()
        await register(freshEmail())
      },
    ],
    [
      'an address that is taken',
      ['ACCOUNT_REGISTERED FAILURE'],
      async ({ user, begin }) => {
        await begin()
        await register(user.email)
      },
    ],
  ],
  confirmEmail: [
    [
      'after a registration',
      ['EMAIL_CONFIRMED', 'LOGIN_SUCCEEDED', 'SESSION_CREATED'],
      async ({ begin }) => {
        const email = freshEmail()
        await register(email)
        const token = await confirmationTokenTo(gatehouse, email)
        await begin()
        await gatehouse.anonymous.ask(documents.ConfirmEmailDocument, { input: { token } })
      },
    ],
    [
      'after a change of address',
      ['EMAIL_CHANGED'],
      async ({ client, begin }) => {
        const newEmail = freshEmail()
        await client.ask(documents.ChangeEmailDocument, { newEmail })
        const token = await newestTokenTo(gatehouse, newEmail)
        await begin()
        await gatehouse.anonymous.ask(documents.ConfirmNewEmailDocument, { input: { token } })
      },
    ],
    [
      'a wrong token',
      ['EMAIL_CONFIRMED FAILURE'],
      async ({ begin }) => {
        await begin()
        await gatehouse.anonymous.refused(documents.ConfirmEmailDocument, { input: { token: 'wrong' } })
      },
    ],
  ],
  login: [
    [
      'no second factor',
      ['LOGIN_SUCCEEDED', 'SESSION_CREATED'],
      async ({ user, begin }) => {
        await begin()
        await login(user, user.password)
      },
    ],
    [
      'a second factor to come',
      ['MFA_CHALLENGED'],
      async ({ user, begin }) => {
        await gatehouse.giveTotp(user)
        await begin()
        await login(user, user.password)
      },
    ],
    [
      'a wrong password',
      ['LOGIN_FAILED FAILURE'],
      async ({ user, begin }) => {
        await begin()
        await login(user, wrongPassword)
      },
    ],
    [
      'an unknown address',
      ['LOGIN_FAILED FAILURE'],
      async ({ user, begin }) => {
        await begin()
        await login({ ...user, email: freshEmail() }, wrongPassword)
      },
    ],
    [
      'a suspended account',
      ['LOGIN_FAILED DENIED'],
      async ({ user, begin }) => {
        await (await administrator()).ask(documents.SuspendUserDocument, { id: user.id, reason: 'rude' })
        await begin()
        await login(user, user.password)
      },
    ],
  ],
  verifyMfa: [
    [
      'a right code',
      ['MFA_SUCCEEDED', 'LOGIN_SUCCEEDED', 'SESSION_CREATED'],
      async ({ user, begin }) => {
        const seed = await gatehouse.giveTotp(user)
        const challenge = await loginChallenge(gatehouse.anonymous, user)
        await begin()
        await verify(gatehouse.anonymous, challenge, code(seed))
      },
    ],
    [
      'a device to be trusted',
      ['MFA_SUCCEEDED', 'LOGIN_SUCCEEDED', 'SESSION_CREATED', 'DEVICE_TRUSTED'],
      async ({ user, begin }) => {
        const seed = await gatehouse.giveTotp(user)
        const challenge = await loginChallenge(gatehouse.anonymous, user)
        await begin()
        await verify(gatehouse.anonymous, challenge, code(seed), true)
      },
    ],
    [
      'a backup code',
      ['MFA_SUCCEEDED', 'LOGIN_SUCCEEDED', 'SESSION_CREATED', 'BACKUP_CODE_USED'],
      async ({ user, begin }) => {
        await gatehouse.giveTotp(user)
        const [backupCode = ''] = await gatehouse.giveBackupCodes(user)
        const challenge = await loginChallenge(gatehouse.anonymous, user)
        await begin()
        await verify(gatehouse.anonymous, challenge, backupCode)
      },
    ],
    [
      'a wrong code',
      ['MFA_FAILED FAILURE'],
      async ({ user, begin }) => {
        const seed = await gatehouse.giveTotp(user)
        const challenge = await loginChallenge(gatehouse.anonymous, user)
        await begin()
        await verify(gatehouse.anonymous, challenge, wrongCode(seed))
      },
    ],
    [
      'a code used again',
      ['MFA_FAILED FAILURE'],
      async ({ user, begin }) => {
        const seed = await gatehouse.giveTotp(user)
        const used = code(seed)
        await verify(gatehouse.anonymous, await loginChallenge(gatehouse.anonymous, user), used)
        const challenge = await loginChallenge(gatehouse.anonymous, user)
        await begin()
        await verify(gatehouse.anonymous, challenge, used)
      },
    ],
    [
      'a challenge of nobody',
      ['MFA_FAILED FAILURE'],
      async ({ begin }) => {
        await begin()
        await verify(gatehouse.anonymous, nobody, '123456')
      },
    ],
    [
      'the first factor enrolled',
      ['MFA_ENROLLED', 'BACKUP_CODES_GENERATED'],
      async ({ client, begin }) => {
        const { challenge, secret } = await beginEnrolment(client)
        await begin()
        await verify(client, challenge.id, code(secret))
      },
    ],
    [
      'a step-up',
      ['MFA_SUCCEEDED', 'STEP_UP_SUCCEEDED'],
      async ({ user, client, begin }) => {
        const seed = await gatehouse.giveTotp(user)
        const { requestStepUp } = await client.ask(documents.RequestStepUpDocument, {})
        await begin()
        await verify(client, requestStepUp.id, code(seed))
      },
    ],
  ],
  sendMfaCode: [
    [
      'a code sent',
      ['MFA_CODE_SENT'],
      async ({ user, begin }) => {
        const phone = await gatehouse.givePhone(user)
        const challengeId = await loginChallenge(gatehouse.anonymous, user)
        await begin()
        await gatehouse.anonymous.ask(documents.SendMfaCodeDocument, { input: { challengeId } })
        await codeSentTo(gatehouse, phone)
      },
    ],
    [
      'two at once',
      ['RATE_LIMITED DENIED'],
      async ({ user, begin }) => {
        await gatehouse.givePhone(user)
        const challengeId = await loginChallenge(gatehouse.anonymous, user)
        await gatehouse.anonymous.ask(documents.SendMfaCodeDocument, { input: { challengeId } })
        await begin()
        await gatehouse.anonymous.refused(documents.SendMfaCodeDocument, { input: { challengeId } })
      },
    ],
  ],
  resolveSessionLimit: [
    [
      'a session ended for it',
      ['SESSION_REVOKED', 'LOGIN_SUCCEEDED', 'SESSION_CREATED'],
      async ({ user, client, begin }) => {
        const { data } = await login(user, user.password, asking.anonymous)
        const ticket = data?.login.__typename === 'SessionLimitReached' ? data.login.ticket : ''
        await begin()
        await asking.anonymous.ask(documents.ResolveSessionLimitDocument, {
          input: { ticket, endSessionIds: [client.sessionId] },
        })
      },
    ],
    [
      'a ticket of nobody',
      ['LOGIN_FAILED FAILURE'],
      async ({ begin }) => {
        await begin()
        await asking.anonymous.refused(documents.ResolveSessionLimitDocument, {
          input: { ticket: nobody, endSessionIds: [] },
        })
      },
    ],
  ],
  logout: [
    [
      '',
      ['LOGGED_OUT'],
      async ({ client, begin }) => {
        await begin()
        await client.ask(documents.LogoutDocument, {})
      },
    ],
  ],
  enrolMfa: [
    [
      'begun',
      ['MFA_ENROLMENT_STARTED'],
      async ({ client, begin }) => {
        await begin()
        await beginEnrolment(client)
      },
    ],
    [
      'without a step-up',
      ['MFA_CHALLENGED', 'ACCESS_DENIED DENIED'],
      async ({ user, begin }) => {
        await gatehouse.giveTotp(user)
        const stale = await gatehouse.signedInAs(user)
        await begin()
        await stale.refused(documents.EnrolMfaDocument, { input: { method: 'TOTP' } })
      },
    ],
  ],
  renameMfaFactor: [
    [
      'a factor of nobody',
      [],
      async ({ client, begin }) => {
        await begin()
        await client.refused(documents.RenameMfaFactorDocument, { id: nobody, label: 'x' })
      },
    ],
  ],
  setPreferredMfaFactor: [
    [
      'a factor of nobody',
      [],
      async ({ client, begin }) => {
        await begin()
        await client.refused(documents.SetPreferredMfaFactorDocument, { id: nobody })
      },
    ],
  ],
  removeMfaFactor: [
    [
      'removed',
      ['MFA_REMOVED', 'SESSION_REVOKED'],
      async ({ user, begin }) => {
        await gatehouse.giveTotp(user)
        const client = await freshlyProved(gatehouse, user, ['PASSWORD', 'TOTP'])
        const { me } = await client.ask(documents.MyMfaDocument, {})
        await begin()
        await client.ask(documents.RemoveMfaFactorDocument, { id: me.mfa.factors[0]?.id ?? '' })
      },
    ],
    [
      'a factor of nobody',
      [],
      async ({ client, begin }) => {
        await begin()
        await client.refused(documents.RemoveMfaFactorDocument, { id: nobody })
      },
    ],
  ],
  regenerateBackupCodes: [
    [
      'renewed',
      ['BACKUP_CODES_GENERATED'],
      async ({ user, begin }) => {
        await gatehouse.giveTotp(user)
        const client = await freshlyProved(gatehouse, user, ['PASSWORD', 'TOTP'])
        await begin()
        await client.ask(documents.RegenerateBackupCodesDocument, {})
      },
    ],
  ],
  requestStepUp: [
    [
      'asked for',
      ['MFA_CHALLENGED'],
      async ({ user, client, begin }) => {
        await gatehouse.giveTotp(user)
        await begin()
        await client.ask(documents.RequestStepUpDocument, {})
      },
    ],
  ],
  reauthenticate: [
    [
      'the right password',
      ['STEP_UP_SUCCEEDED'],
      async ({ user, client, begin }) => {
        await begin()
        await client.ask(documents.ReauthenticateDocument, { password: user.password })
      },
    ],
    [
      'a wrong password',
      ['STEP_UP_SUCCEEDED FAILURE'],
      async ({ client, begin }) => {
        await begin()
        await client.refused(documents.ReauthenticateDocument, { password: wrongPassword })
      },
    ],
  ],
  refreshSession: [
    [
      'refreshed',
      ['SESSION_REFRESHED'],
      async ({ client, begin }) => {
        await begin()
        await client.ask(documents.RefreshSessionDocument, {})
      },
    ],
    [
      'the old token used again',
      ['SESSION_TOKEN_REUSED DENIED', 'ACCESS_DENIED DENIED'],
      async ({ client, begin }) => {
        await client.ask(documents.RefreshSessionDocument, {})
        later(60)
        await begin()
        await client.send(documents.MeDocument, {})
      },
    ],
  ],
  revokeSession: [
    [
      'ended',
      ['SESSION_REVOKED'],
      async ({ user, client, begin }) => {
        const { sessionId } = await gatehouse.signedInAs(user)
        await begin()
        await client.ask(documents.RevokeSessionDocument, { id: sessionId })
      },
    ],
    [
      "somebody else's",
      ['ACCESS_DENIED DENIED'],
      async ({ client, begin }) => {
        const { sessionId } = await gatehouse.signedInAs(await gatehouse.createUser())
        await begin()
        await client.refused(documents.RevokeSessionDocument, { id: sessionId })
      },
    ],
  ],
  revokeOtherSessions: [
    [
      'two ended',
      ['SESSION_REVOKED', 'SESSION_REVOKED'],
      async ({ user, client, begin }) => {
        await gatehouse.signedInAs(user)
        await gatehouse.signedInAs(user)
        await begin()
        await client.ask(documents.RevokeOtherSessionsDocument, {})
      },
    ],
  ],
  revokeTrustedDevice: [
    [
      'revoked',
      ['DEVICE_TRUST_REVOKED'],
      async ({ user, client, begin }) => {
        const seed = await gatehouse.giveTotp(user)
        await verify(gatehouse.anonymous, await loginChallenge(gatehouse.anonymous, user), code(seed), true)
        const { trustedDevices } = await client.ask(documents.TrustedDevicesDocument, {})
        await begin()
        await client.ask(documents.RevokeTrustedDeviceDocument, { id: trustedDevices[0]?.id ?? '' })
      },
    ],
    [
      'a device of nobody',
      [],
      async ({ client, begin }) => {
        await begin()
        await client.refused(documents.RevokeTrustedDeviceDocument, { id: nobody })
      },
    ],
  ],
  issueAccessToken: [
    [
      'issued',
      ['ACCESS_TOKEN_ISSUED'],
      async ({ client, begin }) => {
        await begin()
        await client.ask(documents.IssueAccessTokenDocument, { audience: 'https://billing.example.com' })
      },
    ],
  ],
  changePassword: [
    [
      'changed',
      ['PASSWORD_CHANGED'],
      async ({ user, client, begin }) => {
        await begin()
        await client.ask(documents.ChangePasswordDocument, { input: { currentPassword: user.password, newPassword } })
      },
    ],
    [
      'a wrong password',
      ['PASSWORD_CHANGED FAILURE'],
      async ({ client, begin }) => {
        await begin()
        await client.refused(documents.ChangePasswordDocument, {
          input: { currentPassword: wrongPassword, newPassword },
        })
      },
    ],
  ],
  requestPasswordReset: [
    [
      'an account',
      ['PASSWORD_RESET_REQUESTED'],
      async ({ user, begin }) => {
        await begin()
        await mailedResetToken(gatehouse, user)
      },
    ],
    [
      'an unknown address',
      ['PASSWORD_RESET_REQUESTED DENIED'],
      async ({ begin }) => {
        await begin()
        await gatehouse.anonymous.ask(documents.RequestPasswordResetDocument, { email: freshEmail() })
      },
    ],
  ],
  resetPassword: [
    [
      'reset',
      ['PASSWORD_RESET_COMPLETED', 'SESSION_REVOKED'],
      async ({ user, begin }) => {
        const token = await mailedResetToken(gatehouse, user)
        await begin()
        await gatehouse.anonymous.ask(documents.ResetPasswordDocument, { input: { token, newPassword } })
      },
    ],
    [
      'a wrong token',
      ['PASSWORD_RESET_COMPLETED FAILURE'],
      async ({ begin }) => {
        await begin()
        await gatehouse.anonymous.refused(documents.ResetPasswordDocument, { input: { token: 'wrong', newPassword } })
      },
    ],
  ],
  changeEmail: [
    [
      'asked for',
      ['EMAIL_CHANGED'],
      async ({ client, begin }) => {
        await begin()
        await client.ask(documents.ChangeEmailDocument, { newEmail: freshEmail() })
      },
    ],
    [
      'an address that is taken',
      ['EMAIL_CHANGED', 'EMAIL_CHANGED DENIED'],
      async ({ client, begin }) => {
        const other = await gatehouse.createUser()
        await begin()
        await client.send(documents.ChangeEmailDocument, { newEmail: other.email })
      },
    ],
  ],
  recordConsent: [
    [
      'given, and given again',
      ['CONSENT_RECORDED'],
      async ({ client, begin }) => {
        const input = { purpose: 'newsletter', version: '1', granted: true }
        await begin()
        for (const _time of [1, 2]) await client.ask(documents.RecordConsentDocument, { input })
      },
    ],
    [
      'taken back',
      ['CONSENT_WITHDRAWN'],
      async ({ client, begin }) => {
        const input = { purpose: 'newsletter', version: '1' }
        await client.ask(documents.RecordConsentDocument, { input: { ...input, granted: true } })
        await begin()
        await client.ask(documents.RecordConsentDocument, { input: { ...input, granted: false } })
      },
    ],
  ],
  exportMyData: [
    [
      'exported',
      ['DATA_EXPORTED'],
      async ({ client, begin }) => {
        await begin()
        await client.ask(documents.ExportMyDataDocument, {})
      },
    ],
  ],
  deleteMyAccount: [
    [
      'erased',
      ['ACCOUNT_ERASED', 'SESSION_REVOKED'],
      async ({ client, begin }) => {
        await begin()
        await client.ask(documents.DeleteMyAccountDocument, {})
      },
    ],
  ],
  eraseUser: [
    [
      'erased',
      ['ACCOUNT_ERASED', 'SESSION_REVOKED'],
      async ({ user, begin }) => {
        const admin = await administrator()
        await begin()
        await admin.ask(documents.EraseUserDocument, { id: user.id, reason: 'asked for by letter' })
      },
    ],
  ],
  setMfaPolicy: [
    [
      'set',
      ['POLICY_CHANGED'],
      async ({ begin }) => {
        const admin = await administrator()
        await begin()
        await admin.ask(documents.SetMfaPolicyDocument, { input: { role: 'USER', requirement: 'OPTIONAL' } })
      },
    ],
  ],
  suspendUser: [
    [
      'suspended',
      ['ACCOUNT_SUSPENDED', 'SESSION_REVOKED'],
      async ({ user, begin }) => {
        const admin = await administrator()
        await begin()
        await admin.ask(documents.SuspendUserDocument, { id: user.id, reason: 'rude' })
      },
    ],
  ],
  reinstateUser: [
    [
      'reinstated',
      ['ACCOUNT_REINSTATED'],
      async ({ user, begin }) => {
        const admin = await administrator()
        await admin.ask(documents.SuspendUserDocument, { id: user.id, reason: 'rude' })
        await begin()
        await admin.ask(documents.ReinstateUserDocument, { id: user.id })
      },
    ],
  ],
  unlockUser: [
    [
      'unlocked',
      ['ACCOUNT_UNLOCKED'],
      async ({ user, begin }) => {
        const admin = await administrator()
        await begin()
        await admin.ask(documents.UnlockUserDocument, { id: user.id })
      },
    ],
  ],
  setUserRole: [
    [
      'another role',
      ['ROLE_CHANGED', 'SESSION_REVOKED'],
      async ({ user, begin }) => {
        const admin = await administrator()
        await begin()
        await admin.ask(documents.SetUserRoleDocument, { id: user.id, role: 'AUDITOR' })
      },
    ],
    [
      'the same role',
      [],
      async ({ user, begin }) => {
        const admin = await administrator()
        await begin()
        await admin.ask(documents.SetUserRoleDocument, { id: user.id, role: 'USER' })
      },
    ],
  ],
  resetUserMfa: [
    [
      'an app, and a device that was trusted',
      ['MFA_RESET', 'DEVICE_TRUST_REVOKED', 'SESSION_REVOKED', 'SESSION_REVOKED'],
      async ({ user, begin }) => {
        const seed = await gatehouse.giveTotp(user)
        await verify(gatehouse.anonymous, await loginChallenge(gatehouse.anonymous, user), code(seed), true)
        const admin = await administrator()
        await begin()
        await admin.ask(documents.ResetUserMfaDocument, { id: user.id, reason: 'lost phone' })
      },
    ],
  ],
  revokeUserSessions: [
    [
      'one ended',
      ['SESSION_REVOKED'],
      async ({ user, begin }) => {
        const admin = await administrator()
        await begin()
        await admin.ask(documents.RevokeUserSessionsDocument, { id: user.id, reason: 'rude' })
      },
    ],
  ],
}

const mutations = rootOperations(writtenSchema, 1).filter(({ text }) => text.startsWith('mutation'))
/** Answer anyone, with a proof of their own. */
const openToAnyone = [
  'register',
  'confirmEmail',
  'login',
  'verifyMfa',
  'sendMfaCode',
  'requestPasswordReset',
  'resetPassword',
  'resolveSessionLimit',
]

/** The sealed log, in its order: each event once. */
const sealedAfter = async (sequence: number): Promise<string[]> => {
  await allSealed(gatehouse)
  const rows = await gatehouse.sql`
    SELECT type, outcome FROM audit_links JOIN security_events ON id = event_id WHERE sequence > ${sequence} ORDER BY sequence`
  return rows.map(({ type, outcome }) => (outcome === 'SUCCESS' ? type : `${type} ${outcome}`))
}
const newestSequence = async (): Promise<number> => {
  await allSealed(gatehouse)
  return (await gatehouse.sql`SELECT sequence::int FROM audit_head`)[0]?.sequence
}

let begunAt = 0
let endedAt = 0
/** What was recorded since the last case was compared: its duplicates, if any, for no scene records anything by itself. */
const expectNothingLate = async (): Promise<void> => {
  const late = await sealedAfter(endedAt)
  endedAt += late.length
  expect(late).toEqual([])
}
/** Runs a case and compares. What comes too late for it is found by the next one. */
const expectEvents = async (events: readonly string[], run: Case[2]): Promise<void> => {
  const user = await gatehouse.createUser()
  const client = await freshlyProved(gatehouse, user)
  const begin = async () => {
    begunAt = await newestSequence()
  }
  await expectNothingLate()
  await run({ user, client, begin })
  await eventually(async () => (await sealedAfter(begunAt)).length >= events.length)
  const recorded = await sealedAfter(begunAt)
  endedAt = begunAt + recorded.length
  expect(recorded).toEqual(events)
}

test('H5: every mutation of the schema has its cases here', () => {
  expect(Object.keys(cases).toSorted()).toEqual(mutations.map(({ name }) => name).toSorted())
})

describe.each(Object.entries(cases))('H5: %s', (_mutation, list) => {
  test.each(list)('%s: leaves exactly %j, in this order', async (_outcome, events, run) => {
    await expectEvents(events, run)
  })
})

test.each(mutations.filter(({ name }) => !openToAnyone.includes(name)))(
  'H5: $name without a session leaves one refusal',
  async ({ text }) => {
    await expectEvents(['ACCESS_DENIED DENIED'], async ({ begin }) => {
      await begin()
      await gatehouse.anonymous.sendText(text)
    })
  },
)

const ofAdministrators = mutations.filter(({ name }) =>
  [
    'eraseUser',
    'reinstateUser',
    'resetUserMfa',
    'revokeUserSessions',
    'setMfaPolicy',
    'setUserRole',
    'suspendUser',
    'unlockUser',
  ].includes(name),
)
const refusedCallers = {
  FORBIDDEN: ({ client }: Scene) => client,
  STEP_UP_REQUIRED: async () => gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' })),
  NOT_FOUND: administrator,
}

describe.each(ofAdministrators)('H5: $name', ({ name, text }) => {
  const refusals = Object.entries(refusedCallers).filter(([code]) => name !== 'setMfaPolicy' || code !== 'NOT_FOUND')
  test.each(refusals)('%s: leaves one refusal, or nothing where there is nobody', async (refusal, callerOf) => {
    await expectEvents(refusal === 'NOT_FOUND' ? [] : ['ACCESS_DENIED DENIED'], async (scene) => {
      const caller = await callerOf(scene)
      await scene.begin()
      const { errors } = await caller.sendText(text)
      expect(errors?.[0]?.extensions.code).toBe(refusal)
    })
  })
})

test('H5: nothing came late', expectNothingLate)
