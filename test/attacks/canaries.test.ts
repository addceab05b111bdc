import { afterAll, beforeAll, expect, test } from 'vitest'
import { dumpOf, occursIn } from '../support/attack.ts'
import type { Answer, Client } from '../support/client.ts'
import { startCollector } from '../support/collector.ts'
import * as documents from '../support/documents.generated.ts'
import { codeSentTo, confirmationTokenTo, eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { connect, newestEvent } from '../support/live-socket.ts'
import { metricsText } from '../support/metrics.ts'
import { subscriptionOperations, writtenSchema } from '../support/schema-walk.ts'
import { totpCode, wrongTotpCode } from '../support/totp.ts'

const password = 'canary-of-a-right-password'
const wrongPassword = 'canary-of-a-wrong-password'
const email = 'canary@example.com'

let gatehouse: Gatehouse
let collector: Awaited<ReturnType<typeof startCollector>>
const answers: Answer<unknown>[] = []
/** Each secret with the one answer that hands it out. */
const issuedIn = new Map<string, Answer<unknown> | null>([
  [password, null],
  [wrongPassword, null],
])
const issue = (secret: string | null | undefined, answer: Answer<unknown> | null) => {
  if (!secret) throw new Error('A secret was not handed out')
  issuedIn.set(secret, answer)
  return secret
}

/** A client that keeps every answer. */
const observed = (client: Client): Client => ({
  ...client,
  async send(document, variables) {
    const answer = await client.send(document, variables)
    answers.push(answer)
    return answer
  },
  async sendText(query, variables) {
    const answer = await client.sendText(query, variables)
    answers.push(answer)
    return answer
  },
})

const phone = '+14155550187'
const codeSent = async (): Promise<string> => issue(await codeSentTo(gatehouse, phone), null)

/** Everything a session with a fresh proof does to its factors; returns the session under its newest token. */
const driveFactors = async (session: Client): Promise<Client> => {
  issue(phone, null)
  const begun = await session.send(documents.EnrolMfaDocument, { input: { method: 'SMS', phoneNumber: phone } })
  const { challenge, factor } = begun.data?.enrolMfa ?? {}
  if (!challenge || !factor) throw new Error(begun.text)
  await session.send(documents.SendMfaCodeDocument, { input: { challengeId: challenge.id } })
  await session.send(documents.SendMfaCodeDocument, { input: { challengeId: challenge.id } }) // RATE_LIMITED
  const code = await codeSent()
  const active = await session.send(documents.VerifyMfaDocument, { input: { challengeId: challenge.id, code } })
  if (active.data?.verifyMfa.__typename !== 'MfaActivated') throw new Error(active.text)
  const next = observed(gatehouse.clientWith(issue(active.data.verifyMfa.sessionToken, active)))
  await next.send(documents.RenameMfaFactorDocument, { id: factor.id, label: 'Old phone' })
  await next.send(documents.SetPreferredMfaFactorDocument, { id: factor.id })
  const renewed = await next.send(documents.RegenerateBackupCodesDocument, {})
  for (const backupCode of renewed.data?.regenerateBackupCodes.codes ?? []) issue(backupCode, renewed)
  await next.send(documents.RemoveMfaFactorDocument, { id: factor.id })
  return next
}

/** New passwords and addresses, a reset, and a device that is trusted; returns the session under its newest token. */
const driveRecovery = async (session: Client, seed: string): Promise<Client> => {
  const anonymous = observed(gatehouse.anonymous)
  const tokenMailedTo = async (to: string, subject: RegExp) =>
    eventually(async () => {
      const mail = (await gatehouse.mailTo(to)).find((message) => subject.test(message.subject))
      const token = /#token=([\w-]+)/.exec(mail?.text ?? '')?.[1]
      return token && issue(token, null)
    })
  await session.sendText('mutation { changeEmail(newEmail: "canary-two@example.com") { email } }')
  const changed = await session.sendText(
    'mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { sessionToken } }',
    { input: { currentPassword: password, newPassword: issue('canary-of-a-changed-password', null) } },
  )
  const { sessionToken } = (changed.data?.changePassword ?? {}) as { sessionToken?: string }
  const next = observed(gatehouse.clientWith(issue(sessionToken, changed)))

  await anonymous.sendText(`mutation { requestPasswordReset(email: "${email}") { email } }`)
  const reset = await anonymous.sendText(
    'mutation ($input: ResetPasswordInput!) { resetPassword(input: $input) { ... on MfaRequired { challenge { id } } } }',
    { input: { token: await tokenMailedTo(email, /reset/i), newPassword: password } },
  )
  const { challenge } = (reset.data?.resetPassword ?? {}) as { challenge?: { id: string } }
  gatehouse.advanceClock(30)
  const completed = await anonymous.send(documents.VerifyMfaDocument, {
    input: { challengeId: challenge?.id ?? '', code: issue(totpCode(seed, gatehouse.now()), null) },
  })
  if (completed.data?.verifyMfa.__typename !== 'PasswordChanged') throw new Error(completed.text)

  gatehouse.advanceClock(30)
  const asked = await anonymous.send(documents.LoginDocument, { input: { email, password } })
  const challengeId = asked.data?.login.__typename === 'MfaRequired' ? asked.data.login.challenge.id : ''
  const trusting = await anonymous.send(documents.VerifyMfaDocument, {
    input: { challengeId, code: issue(totpCode(seed, gatehouse.now()), null), trustDevice: true },
  })
  if (trusting.data?.verifyMfa.__typename !== 'SignedIn') throw new Error(trusting.text)
  const trusted = observed(gatehouse.clientWith(issue(trusting.data.verifyMfa.sessionToken, trusting)))
  const deviceToken = issue(trusting.data.verifyMfa.deviceToken, trusting)
  const waived = await anonymous.send(documents.LoginDocument, { input: { email, password, deviceToken } })
  if (waived.data?.login.__typename !== 'SignedIn') throw new Error(waived.text)
  issue(waived.data.login.deviceToken, waived)
  issue(waived.data.login.sessionToken, waived)
  const devices = await trusted.send(documents.TrustedDevicesDocument, {})
  for (const { id } of devices.data?.trustedDevices ?? [])
    await trusted.send(documents.RevokeTrustedDeviceDocument, { id })
  await next.send(documents.MeDocument, {}) // ended by the reset
  return trusted
}

/** What administrators do with a fresh proof. */
const driveAdministration = async (): Promise<void> => {
  const user = await gatehouse.createUser({ role: 'ADMIN' })
  const stale = observed(await gatehouse.signedInAs(user))
  const raised = await stale.sendText(
    'mutation ($password: String!) { reauthenticate(password: $password) { sessionToken } }',
    {
      password: user.password,
    },
  )
  const { sessionToken } = (raised.data?.reauthenticate ?? {}) as { sessionToken?: string }
  const admin = observed(gatehouse.clientWith(issue(sessionToken, raised)))
  await admin.send(documents.AuditEventsDocument, { first: 100 })
  await admin.send(documents.MfaPoliciesDocument, {})
  await admin.send(documents.VerifyAuditLogDocument, {})
  await admin.send(documents.SecurityOverviewDocument, {})
  await admin.send(documents.SetMfaPolicyDocument, {
    input: { role: 'AUDITOR', requirement: 'REQUIRED', graceDays: 7 },
  })
  await admin.send(documents.UnlockUserDocument, { id: user.id })
  await admin.send(documents.UsersDocument, { first: 100 })
  const other = await gatehouse.createUser({ password: issue('the canary of a suspended account', null) })
  const { id } = other
  const input = { email: other.email, password: other.password }
  await observed(gatehouse.anonymous).sendText('{ consents { purpose } }')
  const consent = { purpose: 'newsletter', version: '1', granted: true }
  await admin.send(documents.RecordConsentDocument, { input: consent })
  await admin.send(documents.ConsentsDocument, {})
  await admin.send(documents.ExportMyDataDocument, {})
  const leaving = await gatehouse.createUser()
  await admin.send(documents.EraseUserDocument, { id: leaving.id, reason: 'asked for by letter' })
  const proved = new Date(gatehouse.now().getTime() + 60_000)
  const last = observed(await gatehouse.signedInAs(await gatehouse.createUser(), ['PASSWORD'], proved))
  await last.send(documents.DeleteMyAccountDocument, {})
  for (const reason of ['rude', issue('rude\nand with a canary', null)]) {
    await admin.send(documents.SuspendUserDocument, { id, reason })
    await observed(gatehouse.anonymous).send(documents.LoginDocument, { input })
    await admin.send(documents.RevokeUserSessionsDocument, { id, reason })
    await admin.send(documents.ReinstateUserDocument, { id })
  }
  issue(await gatehouse.giveTotp(other), null)
  for (const reason of ['lost phone', issue('lost\nand with a canary', null)])
    await admin.send(documents.ResetUserMfaDocument, { id, reason })
  for (const role of ['AUDITOR', 'USER'] as const) await admin.send(documents.SetUserRoleDocument, { id, role })
  await admin.send(documents.UserDocument, { id })
  await admin.send(documents.UserSessionsDocument, { userId: id })
}

/** A session refreshed, the others ended, and a place taken in a server that asks; its logs count with the rest. */
const driveSessions = async (): Promise<void> => {
  const user = await gatehouse.createUser({ password: issue('the canary of a crowded account', null) })
  const credentials = { email: user.email, password: user.password }
  const first = observed(await gatehouse.signedInAs(user))
  const refreshed = await first.send(documents.RefreshSessionDocument, {})
  const next = observed(gatehouse.clientWith(issue(refreshed.data?.refreshSession.sessionToken, refreshed)))
  await gatehouse.signedInAs(user)
  await next.send(documents.RevokeOtherSessionsDocument, {})

  const sessionLimit = { mostSessions: 1, policy: 'ASK' } as const
  const asking = await startGatehouse({ databaseUrl: gatehouse.databaseUrl, config: { sessionLimit } })
  const stranger = observed(asking.anonymous)
  const asked = await stranger.send(documents.LoginDocument, { input: credentials })
  if (asked.data?.login.__typename !== 'SessionLimitReached') throw new Error(asked.text)
  const ticket = issue(asked.data.login.ticket, asked)
  const endSessionIds = asked.data.login.sessions.map(({ id }) => id)
  for (const ends of [[], endSessionIds, endSessionIds]) {
    const resolved = await stranger.send(documents.ResolveSessionLimitDocument, {
      input: { ticket, endSessionIds: ends },
    })
    if (resolved.data) issue(resolved.data.resolveSessionLimit.sessionToken, resolved)
  }
  await first.send(documents.MeDocument, {})
  gatehouse.logs.push(...asking.logs)
  await asking.close()
}

/** A socket of an administrator, who follows all that there is to follow while it happens. */
const watchEverything = async () => {
  const admin = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))
  const live = await connect(gatehouse.url, issue(admin.token, null))
  const subscriptions = subscriptionOperations(writtenSchema, 4).map(({ text }) => live.subscribeText(text))
  return {
    /** Resolves with what came, once that is everything. */
    async finish() {
      await admin.ask(documents.IssueAccessTokenDocument, { audience: 'https://billing.example.com' })
      const newest = await newestEvent(gatehouse)
      await eventually(() => JSON.stringify(live.frames).split(newest).length > 2) // in both streams
      await admin.ask(documents.LogoutDocument, {})
      await live.closed
      return { frames: live.frames, data: subscriptions.flatMap((subscription) => subscription.data()) }
    },
  }
}

let streamed: Awaited<ReturnType<Awaited<ReturnType<typeof watchEverything>>['finish']>>

/** Every operation there is, in success and in failure. */
const driveEverything = async () => {
  const anonymous = observed(gatehouse.anonymous)
  const clientWith = (token: string) => observed(gatehouse.clientWith(token))
  const verify = (client: Client, challengeId: string | undefined, code: string) =>
    client.send(documents.VerifyMfaDocument, { input: { challengeId: challengeId ?? '', code: issue(code, null) } })
  const login = (secret: string) => anonymous.send(documents.LoginDocument, { input: { email, password: secret } })

  await anonymous.send(documents.RegisterDocument, { input: { email, password, displayName: 'Canary' } })
  const emailToken = issue(await confirmationTokenTo(gatehouse, email), null)
  await anonymous.send(documents.RegisterDocument, { input: { email, password: wrongPassword } })
  await anonymous.send(documents.ConfirmEmailDocument, { input: { token: `${emailToken}x` } })
  const confirmed = await anonymous.send(documents.ConfirmEmailDocument, { input: { token: emailToken } })
  const first = clientWith(issue(confirmed.data?.confirmEmail.sessionToken, confirmed))
  await anonymous.send(documents.ConfirmEmailDocument, { input: { token: emailToken } })
  await login(wrongPassword)

  const enrolled = await first.send(documents.EnrolMfaDocument, { input: { method: 'TOTP', label: 'Phone' } })
  if (enrolled.data?.enrolMfa.__typename !== 'TotpEnrolment') throw new Error(enrolled.text)
  const seed = issue(enrolled.data.enrolMfa.secret, enrolled)
  const challengeId = enrolled.data.enrolMfa.challenge.id
  await verify(first, challengeId, wrongTotpCode(seed, gatehouse.now()))
  const activated = await verify(first, challengeId, totpCode(seed, gatehouse.now()))
  if (activated.data?.verifyMfa.__typename !== 'MfaActivated') throw new Error(activated.text)
  for (const code of activated.data.verifyMfa.backupCodes?.codes ?? []) issue(code, activated)
  const second = clientWith(issue(activated.data.verifyMfa.sessionToken, activated))

  gatehouse.advanceClock(60)
  const asked = await login(password)
  const challenge = asked.data?.login.__typename === 'MfaRequired' ? asked.data.login.challenge.id : ''
  await verify(anonymous, challenge, wrongTotpCode(seed, gatehouse.now()))
  const signedIn = await verify(anonymous, challenge, totpCode(seed, gatehouse.now()))
  if (signedIn.data?.verifyMfa.__typename !== 'SignedIn') throw new Error(signedIn.text)
  issue(signedIn.data.verifyMfa.sessionToken, signedIn)

  gatehouse.advanceClock(600)
  await second.send(documents.EnrolMfaDocument, { input: { method: 'TOTP' } }) // STEP_UP_REQUIRED
  const stepUp = await second.send(documents.RequestStepUpDocument, {})
  const steppedUp = await verify(second, stepUp.data?.requestStepUp.id, totpCode(seed, gatehouse.now()))
  if (steppedUp.data?.verifyMfa.__typename !== 'SteppedUp') throw new Error(steppedUp.text)
  const fourth = await driveFactors(clientWith(issue(steppedUp.data.verifyMfa.sessionToken, steppedUp)))
  const third = await driveRecovery(fourth, seed)

  const sessions = await third.send(documents.ListSessionsDocument, {})
  for (const { id, current } of sessions.data?.listSessions ?? [])
    if (!current) await third.send(documents.RevokeSessionDocument, { id })
  await third.send(documents.MeDocument, {})
  await third.send(documents.MyMfaDocument, {})
  const access = await third.send(documents.IssueAccessTokenDocument, { audience: 'https://billing.example.com' })
  issue(access.data?.issueAccessToken.token, access)
  await third.send(documents.SecurityEventsDocument, { first: 100 })
  await third.send(documents.AuditEventsDocument, {})
  await driveAdministration()
  await driveSessions()
  await third.send(documents.LogoutDocument, {})
  await third.send(documents.MeDocument, {})

  /** Secrets where they don't belong. */
  for (const misplaced of [
    `mutation { login(input: { email: "${password}", password: 1 }) { __typename } }`,
    `mutation { login(input: { email: "${email}", password: ["${password}"] }) { __typename } }`,
    `mutation { login(input: { email: "${email}", password: { is: "${password}" } }) { __typename } }`,
    `mutation { login(input: { email: "${email}", "${password}" }) { __typename } }`,
    `mutation { login(input: "${password}") { __typename } }`,
    `mutation { login(input: { email: "${email}", password: "${password}\\u0000" }) { __typename } }`,
    `{ securityEvents(first: "${seed}") { __typename } }`,
    `{ securityEvents(after: "${emailToken}", filter: { types: ["${password}"] }) { __typename } }`,
  ])
    await second.sendText(misplaced)
  const text = 'mutation ($input: LoginInput!) { login(input: $input) { __typename } }'
  for (const input of [password, [password], { email: password, password }, { email, password: [password] }])
    await anonymous.sendText(text, { input })
}

beforeAll(async () => {
  collector = await startCollector()
  const traces = { url: `${collector.url}/v1/traces`, serviceName: 'gatehouse', ratio: 1 }
  gatehouse = await startGatehouse({ config: { traces } })
  const watching = await watchEverything()
  await driveEverything()
  streamed = await watching.finish()
  const marker = gatehouse.logs.length
  await fetch(`${gatehouse.url}/healthz`)
  await eventually(() => gatehouse.logs.length > marker) // what was logged before stands there now
})
afterAll(async () => {
  await gatehouse.close()
  await collector.close()
})

const formsOf = (secret: string): string[] =>
  (['base64', 'base64url', 'hex'] as const).map((encoding) => Buffer.from(secret).toString(encoding)).concat(secret)

const secretsIn = (text: string, except: (secret: string) => boolean = () => false): string[] =>
  [...issuedIn.keys()].filter((secret) => !except(secret) && formsOf(secret).some((form) => occursIn(text, form)))

test('H3 no secret stands in any log line at debug level', () => {
  expect(gatehouse.logs.length).toBeGreaterThan(30)
  expect(gatehouse.logs.filter((line) => secretsIn(line).length > 0)).toEqual([])
})

test('H3 no secret stands in any row of PostgreSQL or value of Redis', async () => {
  // Development keeps its text messages to show them, with the number that they would have gone to.
  expect(secretsIn(await dumpOf(gatehouse.sql), (secret) => secret === phone)).toEqual([])
})

test('H3 a secret stands in the one answer that hands it out, and in no other, headers included', () => {
  for (const answer of answers) {
    const whole = [answer.text, ...answer.headers.values()].join('\n')
    expect(secretsIn(whole, (secret) => issuedIn.get(secret) === answer)).toEqual([])
  }
})

test('F15 H3 no secret stands in any frame of a subscription', () => {
  expect(streamed.frames.length).toBeGreaterThan(50)
  expect(streamed.frames.filter((frame) => secretsIn(JSON.stringify(frame)).length > 0)).toEqual([])
  expect(JSON.stringify(streamed.frames)).not.toMatch(/gts_|argon2|tokenHash|sessionTag|sealed|salt|digest/i)
})

test('H3 no secret, address or name of a user stands in any metric', async () => {
  const text = await metricsText(gatehouse.url)
  expect(text).toContain('gatehouse_mfa_verifications_total{method="TOTP",outcome="SUCCESS"}')
  expect(secretsIn(text)).toEqual([])
  expect(text).not.toMatch(/@example\.com|Canary|127\.0\.0\.1/)
})

test('H3 no secret, address or name of a user stands in any span', async () => {
  await eventually(() => collector.spans().some(({ name }) => name === 'mutation logout'))
  const names = collector.spans().map(({ name }) => name)
  expect(names).toEqual(
    expect.arrayContaining(['mutation verifyMfa', 'postgresql with', 'redis MGET', 'redis EVALSHA']),
  )
  expect(secretsIn(collector.bodies.join('\n'))).toEqual([])
  expect(collector.bodies.join('\n')).not.toMatch(/@example\.com|Canary|127\.0\.0\.1|gts_/)
})

test('H3 the sweep drove every operation of the schema', () => {
  const roots = [writtenSchema.getQueryType(), writtenSchema.getMutationType(), writtenSchema.getSubscriptionType()]
  const names = roots.flatMap((type) => Object.keys(type?.getFields() ?? {}))
  const answered = [...answers, ...streamed.data.map((data) => ({ data }))].flatMap(({ data }) =>
    Object.keys(data ?? {}),
  )
  expect(names.filter((name) => !answered.includes(name))).toEqual([])
})
