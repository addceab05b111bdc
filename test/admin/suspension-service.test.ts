import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Answer, Client } from '../support/client.ts'
import {
  ChangeEmailDocument,
  LoginDocument,
  MeDocument,
  RefreshSessionDocument,
  RegisterDocument,
  ReinstateUserDocument,
  RequestPasswordResetDocument,
  ResolveSessionLimitDocument,
  SecurityEventsDocument,
  SendMfaCodeDocument,
  SuspendUserDocument,
  TrustedDevicesDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser, testPassword } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import {
  confirmEmail,
  freshlyProved,
  loginOutcome,
  mailedResetToken,
  newestTokenTo,
  resetPassword,
} from '../support/recovery.ts'
import { answerChallenge, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

const reason = 'mails spam; see ticket 4711'

let gatehouse: Gatehouse
let other: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
  other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
})
afterAll(async () => {
  await other.close()
  await gatehouse.close()
})

const createAdmin = async () => {
  const account = await gatehouse.createUser({ role: 'ADMIN' })
  return { account, client: await freshlyProved(gatehouse, account) }
}

const suspend = async (user: Pick<TestUser, 'id'>) => {
  const admin = await createAdmin()
  const { suspendUser } = await admin.client.ask(SuspendUserDocument, { id: user.id, reason })
  expect(suspendUser).toEqual({ id: user.id, status: 'SUSPENDED' })
  return admin
}

const reinstate = async (user: Pick<TestUser, 'id'>) => {
  const admin = await createAdmin()
  const { reinstateUser } = await admin.client.ask(ReinstateUserDocument, { id: user.id })
  expect(reinstateUser).toEqual({ id: user.id, status: 'ACTIVE' })
  return admin
}

const codeOf = ({ errors }: Answer<unknown>) => errors?.[0]?.extensions.code ?? 'OK'

const expectEnded = async (token: string) => {
  for (const server of [gatehouse, other]) {
    const { status, errors } = await server.clientWith(token).send(MeDocument, {})
    expect(status).toBe(401)
    expect(errors?.map(({ extensions }) => extensions)).toEqual([
      { code: 'SESSION_ENDED', reason: 'ACCOUNT_SUSPENDED' },
    ])
  }
}

const liveSessions = async ({ id }: TestUser): Promise<number> =>
  (await gatehouse.sql`SELECT id FROM user_sessions WHERE user_id = ${id} AND ended_at IS NULL`).length

const statusOf = async ({ id }: Pick<TestUser, 'id'>): Promise<string> =>
  (await gatehouse.sql`SELECT status FROM users WHERE id = ${id}`)[0]?.status

/** Puts the status on record, and ends nothing: what a race may leave to the next guard. */
const putStatus = (sql: Gatehouse['sql'], { id }: TestUser, status: string) =>
  sql`UPDATE users SET status = ${status}, version = version + 1 WHERE id = ${id}`

const isSomebodyWaiting = async () => {
  const [row] = await gatehouse.sql`
    SELECT count(*)::int AS waiting FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`
  return row?.waiting > 0
}

/** Sends a request that meets the account's lock, and suspends the account under it. */
const whileSuspending = async <Result>(user: TestUser, request: () => Promise<Result>): Promise<Result> => {
  const { answer } = await gatehouse.sql.begin(async (owner) => {
    await owner`SELECT id FROM users WHERE id = ${user.id} FOR UPDATE`
    const sent = request()
    await eventually(isSomebodyWaiting)
    await owner`UPDATE users SET status = 'SUSPENDED', version = version + 1 WHERE id = ${user.id}`
    return { answer: sent }
  })
  return answer
}

describe('H10: an administrator suspends a user', () => {
  test('D4: and from the answer on every token of theirs is refused on every server, nobody else noticing', async () => {
    const user = await gatehouse.createUser()
    const sessions = await Promise.all([1, 2, 3].map(() => gatehouse.signedInAs(user)))
    const refreshed = await sessions[0]?.ask(RefreshSessionDocument, {})
    const tokens = [...sessions.map(({ token }) => token), refreshed?.refreshSession.sessionToken as string]
    const bystander = await gatehouse.signedInAs(await gatehouse.createUser())
    for (const token of tokens.slice(1)) await other.clientWith(token).ask(MeDocument, {})

    const { account: admin } = await suspend(user)
    for (const token of tokens) await expectEnded(token)
    await other.clientWith(bystander.token).ask(MeDocument, {})

    const history = await historyOf(gatehouse, user)
    expect(countTypes(history)).toMatchObject({ ACCOUNT_SUSPENDED: 1, SESSION_REVOKED: 3 })
    const [suspension, ...ends] = history.filter(({ type }) => /SUSPENDED|REVOKED/.test(type))
    expect(suspension).toMatchObject({
      type: 'ACCOUNT_SUSPENDED',
      outcome: 'SUCCESS',
      user: { id: user.id },
      actor: { id: admin.id },
      details: { reason },
    })
    for (const end of ends) {
      expect(end).toMatchObject({ actor: { id: admin.id }, details: { reason: 'ACCOUNT_SUSPENDED' } })
    }
    expect(ends.map(({ sessionId }) => sessionId).sort()).toEqual(sessions.map(({ sessionId }) => sessionId).sort())
  })

  test('D4: under 200 requests a second on two servers none that starts after the answer succeeds', async () => {
    const user = await gatehouse.createUser()
    const { token } = await gatehouse.signedInAs(user)
    const seen: { startedAt: number; code: string }[] = []
    const underWay = new Set<Promise<void>>()
    let isOver = false
    const ask = async (client: Client) => {
      const startedAt = performance.now()
      seen.push({ startedAt, code: codeOf(await client.send(MeDocument, {})) })
    }
    const load = (async () => {
      const clients = [gatehouse.clientWith(token), other.clientWith(token)]
      for (let n = 0; !isOver; n++) {
        const request = ask(clients[n % 2] as Client)
        underWay.add(request)
        void request.finally(() => underWay.delete(request))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })()
    await eventually(() => seen.filter(({ code }) => code === 'OK').length > 50)
    await suspend(user)
    const answeredAt = performance.now()
    const late = () => seen.filter(({ startedAt }) => startedAt > answeredAt)
    await eventually(() => late().length > 200)
    isOver = true
    await load
    await Promise.all(underWay)
    expect(new Set(late().map(({ code }) => code))).toEqual(new Set(['SESSION_ENDED']))
  }, 30_000)

  test('H9: and the owner is told by mail, without the reason, which they do not read in their history either', async () => {
    const user = await gatehouse.createUser()
    await suspend(user)
    await reinstate(user)
    const mails = await eventually(async () => {
      const sent = await gatehouse.mailTo(user.email)
      return sent.length === 2 && sent.toReversed()
    })
    expect(mails.map(({ subject }) => subject)).toEqual(['Your account was suspended', 'Your account was reinstated'])
    expect(mails[0]?.text).toContain('ask your administrator')

    const own = await (await gatehouse.signedInAs(user)).send(SecurityEventsDocument, { first: 100 })
    const edges = own.data?.securityEvents.edges ?? []
    expect(edges.map(({ node }) => [node.type, node.actor, node.details])).toEqual([
      ['ACCOUNT_REINSTATED', null, {}],
      ['ACCOUNT_SUSPENDED', null, {}],
    ])
    for (const text of [own.text, ...mails.map((mail) => mail.text)]) expect(text).not.toContain('4711')
  })

  test('D4: and whatever was begun before comes to nothing, also after the account is reinstated', async () => {
    const user = await gatehouse.createUser()
    const seed = await gatehouse.giveTotp(user)
    await gatehouse.givePhone(user)
    const { anonymous } = gatehouse
    const trusting = await anonymous.ask(VerifyMfaDocument, {
      input: {
        challengeId: await loginChallenge(anonymous, user),
        code: totpCode(seed, gatehouse.now()),
        trustDevice: true,
      },
    })
    const deviceToken = trusting.verifyMfa.__typename === 'SignedIn' ? trusting.verifyMfa.deviceToken : null
    expect(deviceToken).not.toBeNull()
    for (const server of [gatehouse, other]) server.advanceClock(30)
    const resetToken = await mailedResetToken(gatehouse, user)
    const newEmail = `suspended-${user.email}`
    await (await freshlyProved(gatehouse, user, ['PASSWORD', 'TOTP'])).ask(ChangeEmailDocument, { newEmail })
    const emailToken = await newestTokenTo(gatehouse, newEmail)
    const challengeId = await loginChallenge(anonymous, user)

    await suspend(user)
    const outcomes = async () => ({
      challenge: codeOf(await answerChallenge(anonymous, challengeId, totpCode(seed, gatehouse.now()))),
      text: codeOf(await anonymous.send(SendMfaCodeDocument, { input: { challengeId } })),
      reset: codeOf(await resetPassword(anonymous, resetToken, 'another fine passphrase')),
      email: codeOf(await confirmEmail(anonymous, emailToken)),
    })
    const dead = {
      challenge: 'CHALLENGE_EXPIRED',
      text: 'CHALLENGE_EXPIRED',
      reset: 'TOKEN_INVALID',
      email: 'TOKEN_INVALID',
    }
    expect(await outcomes()).toEqual(dead)
    expect(await liveSessions(user)).toBe(0)
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ DEVICE_TRUST_REVOKED: 1 })

    await reinstate(user)
    expect(await outcomes()).toEqual(dead)
    const { email, password } = user
    const { login } = await anonymous.ask(LoginDocument, { input: { email, password, deviceToken } })
    expect(login.__typename).toBe('MfaRequired')
    const session = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'])
    expect((await session.ask(TrustedDevicesDocument, {})).trustedDevices).toEqual([])
  })

  test('D4: and a ticket for a session limit opens nothing any more', async () => {
    const asking = await startGatehouse({
      databaseUrl: gatehouse.databaseUrl,
      config: { sessionLimit: { mostSessions: 1, policy: 'ASK' } },
    })
    try {
      const user = await gatehouse.createUser()
      const { sessionId } = await gatehouse.signedInAs(user)
      const { email, password } = user
      const { login } = await asking.anonymous.ask(LoginDocument, { input: { email, password } })
      if (login.__typename !== 'SessionLimitReached') throw new Error('There was room')
      await suspend(user)
      await reinstate(user)
      const input = { ticket: login.ticket, endSessionIds: [sessionId] }
      const answer = await asking.anonymous.send(ResolveSessionLimitDocument, { input })
      expect(codeOf(answer)).toBe('CHALLENGE_EXPIRED')
      expect(await liveSessions(user)).toBe(0)
    } finally {
      await asking.close()
    }
  })

  test('and answers NOT_FOUND for nobody, CONFLICT for themselves, in any spelling, and for who is not ACTIVE', async () => {
    const { account, client } = await createAdmin()
    const suspended = await gatehouse.createUser()
    await suspend(suspended)
    const pending = { email: 'suspend-pending@example.com', password: testPassword }
    await gatehouse.anonymous.ask(RegisterDocument, { input: pending })
    const [row] = await gatehouse.sql`SELECT id FROM users WHERE email = ${pending.email}`
    const expected = [
      [randomUUID(), 'NOT_FOUND'],
      ['no id at all', 'NOT_FOUND'],
      [account.id, 'CONFLICT'],
      [account.id.toUpperCase(), 'CONFLICT'],
      [suspended.id, 'CONFLICT'],
      [row?.id, 'CONFLICT'],
    ]
    for (const [id, code] of expected) {
      expect([id, (await client.refused(SuspendUserDocument, { id, reason })).extensions.code]).toEqual([id, code])
    }
    await client.ask(MeDocument, {})
    expect(countTypes(await historyOf(gatehouse, suspended))).toMatchObject({ ACCOUNT_SUSPENDED: 1 })
  })

  test('with a reason of 1 to 500 characters, none of them a control character', async () => {
    const user = await gatehouse.createUser()
    const { client } = await createAdmin()
    for (const bad of ['', '  ', 'x'.repeat(501), 'two\nlines', 'turned\u202eround', 'nul\0']) {
      const { extensions } = await client.refused(SuspendUserDocument, { id: user.id, reason: bad })
      expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'reason' }] })
    }
    expect(await statusOf(user)).toBe('ACTIVE')
    await client.ask(SuspendUserDocument, { id: user.id, reason: `x${'🦆'.repeat(499)}` })
  })

  test('and nobody else does, an administrator without a fresh proof included', async () => {
    const user = await gatehouse.createUser()
    const stale = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))
    const refusals: [Client, string][] = [
      [gatehouse.anonymous, 'UNAUTHENTICATED'],
      [await freshlyProved(gatehouse, await gatehouse.createUser()), 'FORBIDDEN'],
      [await freshlyProved(gatehouse, await gatehouse.createUser({ role: 'AUDITOR' })), 'FORBIDDEN'],
      [stale, 'STEP_UP_REQUIRED'],
    ]
    for (const [client, code] of refusals) {
      expect((await client.refused(SuspendUserDocument, { id: user.id, reason })).extensions.code).toBe(code)
      expect((await client.refused(ReinstateUserDocument, { id: user.id })).extensions.code).toBe(code)
    }
    expect(await historyOf(gatehouse, user)).toEqual([])
  })
})

describe('a reinstated user', () => {
  test('signs in as before, and nothing else comes back', async () => {
    const user = await gatehouse.createUser()
    const { token } = await gatehouse.signedInAs(user)
    await suspend(user)
    const { account: admin } = await reinstate(user)
    await expectEnded(token)
    for (const { anonymous } of [gatehouse, other]) {
      expect(await loginOutcome(anonymous, user.email, user.password)).toBe('SignedIn')
    }
    expect((await historyOf(gatehouse, user)).filter(({ type }) => type === 'ACCOUNT_REINSTATED')).toMatchObject([
      { outcome: 'SUCCESS', actor: { id: admin.id }, details: {} },
    ])
  })

  test('was suspended: anything else answers CONFLICT, or NOT_FOUND for nobody, and changes nothing', async () => {
    const user = await gatehouse.createUser()
    const { client } = await createAdmin()
    expect((await client.refused(ReinstateUserDocument, { id: user.id })).extensions.code).toBe('CONFLICT')
    for (const id of [randomUUID(), 'no id at all']) {
      expect((await client.refused(ReinstateUserDocument, { id })).extensions.code).toBe('NOT_FOUND')
    }
    expect(await historyOf(gatehouse, user)).toEqual([])
  })
})

describe('at once on two servers', () => {
  test('of two administrators who suspend each other exactly one is left', async () => {
    for (let round = 0; round < 5; round++) {
      const [one, two] = [await createAdmin(), await createAdmin()]
      const answers = await Promise.all([
        one.client.send(SuspendUserDocument, { id: two.account.id, reason }),
        other.clientWith(two.client.token).send(SuspendUserDocument, { id: one.account.id, reason }),
      ])
      const codes = answers.map(codeOf).sort()
      expect(codes[0]).toBe('OK')
      expect(codes[1]).toBe('SESSION_ENDED')
      expect([await statusOf(one.account), await statusOf(two.account)].sort()).toEqual(['ACTIVE', 'SUSPENDED'])
      expect((await liveSessions(one.account)) + (await liveSessions(two.account))).toBe(1)
    }
  }, 30_000)

  test('of fifty suspensions one is done, recorded and told', async () => {
    const user = await gatehouse.createUser()
    const { token } = await gatehouse.signedInAs(user)
    const admins = await Promise.all(Array.from({ length: 10 }, createAdmin))
    const doors = admins.flatMap(({ client }) => [gatehouse.clientWith(client.token), other.clientWith(client.token)])
    const answers = await atOnce(50, doors, (door) => door.send(SuspendUserDocument, { id: user.id, reason }))
    expect(tally(answers)).toEqual({ OK: 1, CONFLICT: 49 })
    await expectEnded(token)
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ ACCOUNT_SUSPENDED: 1, SESSION_REVOKED: 1 })
    const notices = await gatehouse.sql`SELECT id FROM outgoing_messages WHERE recipient = ${user.email}`
    expect(notices).toHaveLength(1)
  })

  test('with twenty sign-ins, none of them leaves a session', async () => {
    const user = await gatehouse.createUser()
    const { client } = await createAdmin()
    const { email, password } = user
    const doors = [gatehouse.anonymous, other.anonymous]
    const [signIns] = await Promise.all([
      atOnce(20, doors, (door) => door.send(LoginDocument, { input: { email, password } })),
      client.ask(SuspendUserDocument, { id: user.id, reason }),
    ])
    expect(await liveSessions(user)).toBe(0)
    for (const { data } of signIns) {
      if (data?.login.__typename !== 'SignedIn') continue
      const late = other.clientWith(data.login.sessionToken as string)
      expect((await late.refused(MeDocument, {})).extensions.code).toBe('SESSION_ENDED') // or by the limit, before
    }
  })

  test('with refreshSession, neither the old token nor the new one is left', async () => {
    for (let round = 0; round < 5; round++) {
      const user = await gatehouse.createUser()
      const { token } = await gatehouse.signedInAs(user)
      const { client } = await createAdmin()
      const [refreshed] = await Promise.all([
        other.clientWith(token).send(RefreshSessionDocument, {}),
        client.ask(SuspendUserDocument, { id: user.id, reason }),
      ])
      const next = refreshed.data?.refreshSession.sessionToken
      for (const each of next ? [token, next] : [token]) await expectEnded(each)
      expect(await liveSessions(user)).toBe(0)
    }
  })
})

describe('D4: suspended while they wait for the lock of the account,', () => {
  test('a right code opens no session', async () => {
    const user = await gatehouse.createUser()
    const seed = await gatehouse.giveTotp(user)
    const challengeId = await loginChallenge(gatehouse.anonymous, user)
    const answer = await whileSuspending(user, () =>
      answerChallenge(gatehouse.anonymous, challengeId, totpCode(seed, gatehouse.now())),
    )
    expect(codeOf(answer)).toBe('CHALLENGE_EXPIRED')
    expect(await liveSessions(user)).toBe(0)
  })

  test('right passwords open no session, and count as no wrong ones', async () => {
    const user = await gatehouse.createUser()
    const { email, password } = user
    const doors = [gatehouse.anonymous, other.anonymous]
    const answers = await whileSuspending(user, () =>
      atOnce(12, doors, (door) => door.send(LoginDocument, { input: { email, password } })),
    )
    expect(tally(answers)).toEqual({ ACCOUNT_SUSPENDED: 12 })
    expect(await liveSessions(user)).toBe(0)
    const refusals = (await historyOf(gatehouse, user)).filter(({ type }) => type === 'LOGIN_FAILED')
    expect(refusals).toHaveLength(12)
    for (const { outcome, details } of refusals) expect([outcome, details.reason]).toEqual(['DENIED', 'suspended'])
    await putStatus(gatehouse.sql, user, 'ACTIVE')
    expect(await loginOutcome(gatehouse.anonymous, email, password)).toBe('SignedIn')
  })

  test('a reset sets no password, and a refresh makes no token', async () => {
    const user = await gatehouse.createUser()
    const token = await mailedResetToken(gatehouse, user)
    const session = await gatehouse.signedInAs(user)
    const reset = await whileSuspending(user, () => resetPassword(gatehouse.anonymous, token, 'another passphrase'))
    expect(codeOf(reset)).toBe('TOKEN_INVALID')
    await putStatus(gatehouse.sql, user, 'ACTIVE')
    const refreshed = await whileSuspending(user, () => session.send(RefreshSessionDocument, {}))
    expect(codeOf(refreshed)).toBe('UNAUTHENTICATED')
    await putStatus(gatehouse.sql, user, 'ACTIVE')
    expect(await loginOutcome(gatehouse.anonymous, user.email, user.password)).toBe('SignedIn')
  })

  test('a challenge that was opened too late to be voided comes back with no reinstatement', async () => {
    const user = await gatehouse.createUser()
    const seed = await gatehouse.giveTotp(user)
    const challengeId = await loginChallenge(gatehouse.anonymous, user)
    await putStatus(gatehouse.sql, user, 'SUSPENDED')
    await reinstate(user)
    const answer = await answerChallenge(gatehouse.anonymous, challengeId, totpCode(seed, gatehouse.now()))
    expect(codeOf(answer)).toBe('CHALLENGE_EXPIRED')
  })
})

test('a session that is live on record opens nothing while its account is suspended', async () => {
  const user = await gatehouse.createUser()
  const { token } = await gatehouse.signedInAs(user)
  await putStatus(gatehouse.sql, user, 'SUSPENDED')
  await expectEnded(token)
})

describe('sign-in to a suspended account', () => {
  test('with the right password says so before any second factor, is recorded, and costs no try', async () => {
    const user = await gatehouse.createUser()
    await gatehouse.giveTotp(user)
    await suspend(user)
    const { email, password } = user
    for (let turn = 0; turn < 12; turn++) {
      const { status, errors } = await other.anonymous.send(LoginDocument, { input: { email, password } })
      expect(status).toBe(403)
      expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'ACCOUNT_SUSPENDED' }])
    }
    const failures = (await historyOf(gatehouse, user)).filter(({ type }) => type === 'LOGIN_FAILED')
    expect(failures).toHaveLength(12)
    for (const failure of failures)
      expect(failure).toMatchObject({ outcome: 'DENIED', details: { reason: 'suspended' } })
    expect(countTypes(await historyOf(gatehouse, user))).not.toHaveProperty('MFA_CHALLENGED')
  })

  test('with wrong ones counts and locks as ever, and says nothing of the suspension while it is locked', async () => {
    const users = [await gatehouse.createUser(), await gatehouse.createUser()] as const
    await gatehouse.giveTotp(users[1])
    for (const user of users) {
      await suspend(user)
      const outcomes: unknown[] = []
      for (let turn = 0; turn < 11; turn++)
        outcomes.push(await loginOutcome(other.anonymous, user.email, 'a wrong guess'))
      expect(outcomes).toEqual([...Array<string>(10).fill('INVALID_CREDENTIALS'), 'ACCOUNT_LOCKED'])
      expect(await loginOutcome(gatehouse.anonymous, user.email, user.password)).toBe('ACCOUNT_LOCKED')
    }
  })
})

describe('E1: without the password a suspended account', () => {
  const seen = ({ status, headers, text }: Answer<unknown>) => ({
    status,
    headers: [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id'),
    text: text.replace(/"expiresAt":"[^"]+"/, '"expiresAt":…'),
  })
  /** As long as those of test users, so that the lengths can be compared too. */
  const unknownAddress = () => `user-${randomUUID().slice(0, 8)}0000@example.com`
  const suspendedUser = async () => {
    const user = await gatehouse.createUser()
    await suspend(user)
    return user
  }

  test('answers a wrong password as an unknown address does, byte for byte', async () => {
    const user = await suspendedUser()
    const [suspended, unknown] = await Promise.all(
      [user.email, unknownAddress()].map((email) =>
        gatehouse.anonymous.send(LoginDocument, { input: { email, password: 'not the password' } }),
      ),
    )
    expect(seen(suspended as Answer<unknown>)).toEqual(seen(unknown as Answer<unknown>))
    const history = await historyOf(gatehouse, user)
    expect(history.at(-1)).toMatchObject({ type: 'LOGIN_FAILED', details: { reason: 'wrong password' } })
  })

  test('answers a registration as an unknown address does, and stays as it was', async () => {
    const user = await suspendedUser()
    const emails = [user.email, unknownAddress()]
    const answers = await Promise.all(
      emails.map((email) =>
        gatehouse.anonymous.send(RegisterDocument, { input: { email, password: 'a passphrase of my own' } }),
      ),
    )
    const texts = answers.map((answer, index) => seen(answer).text.replace(emails[index] as string, '…'))
    expect(texts[0]).toBe(texts[1])
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    const [mail] = await eventually(async () => {
      const mails = await gatehouse.mailTo(user.email)
      return mails.length === 2 && mails
    })
    expect(mail?.subject).toBe('You already have an account')
    expect(await loginOutcome(gatehouse.anonymous, user.email, user.password)).toBe('ACCOUNT_SUSPENDED')
  })

  test('answers a request for a reset as an unknown address does, and gets no mail', async () => {
    const user = await suspendedUser()
    const emails = [user.email, unknownAddress()]
    const answers = await Promise.all(
      emails.map((email) => gatehouse.anonymous.send(RequestPasswordResetDocument, { email })),
    )
    const texts = answers.map((answer, index) => seen(answer).text.replace(emails[index] as string, '…'))
    expect(texts[0]).toBe(texts[1])
    await mailedResetToken(gatehouse, await gatehouse.createUser()) // what was queued before has gone out too
    expect((await gatehouse.mailTo(user.email)).map(({ subject }) => subject)).toEqual(['Your account was suspended'])
    expect((await historyOf(gatehouse, user)).at(-1)).toMatchObject({
      type: 'PASSWORD_RESET_REQUESTED',
      outcome: 'DENIED',
      details: { reason: 'suspended' },
    })
  })
})

test('the address of a suspended account is taken for whoever wants to change theirs to it', async () => {
  const user = await gatehouse.createUser()
  await suspend(user)
  const session = await freshlyProved(gatehouse, await gatehouse.createUser())
  await session.ask(ChangeEmailDocument, { newEmail: user.email })
  const mails = await eventually(async () => {
    const sent = await gatehouse.mailTo(user.email)
    return sent.length === 2 && sent
  })
  expect(mails.map(({ text }) => text.includes('#token='))).toEqual([false, false])
})

test('a code that was right before the suspension is not used up by it', async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const begun = await loginChallenge(gatehouse.anonymous, user)
  await suspend(user)
  const code = totpCode(seed, gatehouse.now())
  expect(codeOf(await answerChallenge(gatehouse.anonymous, begun, code))).toBe('CHALLENGE_EXPIRED')
  await reinstate(user)
  const challengeId = await loginChallenge(gatehouse.anonymous, user)
  await completeChallenge(gatehouse.anonymous, challengeId, code, 'SignedIn')
})

test("the user sees neither who suspended them, nor in which session: not even the administrator's id of it", async () => {
  const user = await gatehouse.createUser()
  const admin = await gatehouse.createUser({ role: 'ADMIN' })
  const client = await freshlyProved(gatehouse, admin)
  await client.ask(SuspendUserDocument, { id: user.id, reason: 'spam' })
  await client.ask(ReinstateUserDocument, { id: user.id })
  const query = '{ securityEvents { edges { node { type sessionId ipAddress actor { id } details } } } }'
  const { data, text } = await (await gatehouse.signedInAs(user)).sendText(query)
  expect(JSON.stringify(data)).toContain('ACCOUNT_REINSTATED')
  for (const told of [client.sessionId, admin.id, 'spam']) expect(text).not.toContain(told)
})

test.each(['\u200b', '\u2063\u2063', '\u3164', '\u0301', '…'])(
  'a reason in which nothing can be read is none: %j',
  async (reason) => {
    const user = await gatehouse.createUser()
    const client = await freshlyProved(gatehouse, await gatehouse.createUser({ role: 'ADMIN' }))
    const { extensions } = await client.refused(SuspendUserDocument, { id: user.id, reason })
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'reason' }] })
  },
)
