import { decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AuthenticationMethod } from '../../src/sessions/session.ts'
import { audience, publishedKeys, startService, tokenOf } from '../support/access-token.ts'
import { expectUnharmed } from '../support/attack.ts'
import { createTestDatabase } from '../support/database.ts'
import { IssueAccessTokenDocument, LogoutDocument, MeDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { historyOf } from '../support/history.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const newSession = async (methods?: AuthenticationMethod[]) => {
  const user = await gatehouse.createUser()
  return { user, session: await gatehouse.signedInAs(user, methods) }
}

test.each<[AuthenticationMethod[], string[], string]>([
  [['PASSWORD'], ['pwd'], 'aal1'],
  [['PASSWORD', 'TOTP'], ['pwd', 'otp', 'mfa'], 'aal2'],
  [['PASSWORD', 'SMS'], ['pwd', 'sms', 'mfa'], 'aal2'],
  [['PASSWORD', 'BACKUP_CODE'], ['pwd', 'otp', 'mfa'], 'aal2'],
  [['PASSWORD', 'TOTP', 'BACKUP_CODE'], ['pwd', 'otp', 'mfa'], 'aal2'],
])('another service learns who calls, in which session and how they proved it: %s', async (methods, amr, acr) => {
  const { user, session } = await newSession(methods)
  const before = Math.floor(gatehouse.now().getTime() / 1000)
  const { issueAccessToken } = await session.ask(IssueAccessTokenDocument, { audience })
  const { payload, protectedHeader } = await startService(gatehouse)(issueAccessToken.token)

  const [key] = await publishedKeys(gatehouse)
  expect(protectedHeader).toEqual({ alg: 'EdDSA', kid: key?.kid, typ: 'at+jwt' })
  expect(payload).toEqual({
    iss: 'http://localhost:4000',
    sub: user.id,
    aud: audience,
    sid: session.sessionId,
    jti: expect.stringMatching(/^[\da-f-]{36}$/),
    iat: expect.any(Number),
    exp: (payload.iat ?? 0) + 300,
    auth_time: before,
    amr,
    acr,
  })
  expect((payload.iat ?? 0) - before).toBeLessThanOrEqual(5)
  expect(issueAccessToken).toMatchObject({
    tokenType: 'Bearer',
    expiresAt: new Date((payload.exp ?? 0) * 1000).toISOString(),
  })
})

test('each token has an id of its own, and with the longest audience is below 1 kB', async () => {
  const { session } = await newSession(['PASSWORD', 'TOTP'])
  const ask = () => session.ask(IssueAccessTokenDocument, { audience: '~'.repeat(255) })
  const tokens = (await Promise.all([ask(), ask()])).map(({ issueAccessToken }) => issueAccessToken.token)
  expect(tokens[0]).not.toBe(tokens[1])
  for (const token of tokens) expect(token.length).toBeLessThan(1000)
})

test('a token ends with its session', async () => {
  const { session } = await newSession()
  const end = new Date(Math.ceil(gatehouse.now().getTime() / 1000) * 1000 + 100_000)
  await gatehouse.sql`UPDATE user_sessions SET expires_at = ${end.toISOString()} WHERE id = ${session.sessionId}`
  const { issueAccessToken } = await session.ask(IssueAccessTokenDocument, { audience })
  expect(issueAccessToken.expiresAt).toBe(end.toISOString())
  expect((await startService(gatehouse)(issueAccessToken.token)).payload.exp).toBe(end.getTime() / 1000)
})

test.each([
  ['an empty one', ''],
  ['one of 256 characters', 'a'.repeat(256)],
  ['one with a space', 'billing service'],
  ['one with a space before it', ' billing'],
  ['one that ends in a line break', 'billing\n'],
  ['one in other letters', 'bílling'],
  ['one with an invisible character', 'billing\u200b'],
])('%s is no audience', async (_what, text) => {
  const { user, session } = await newSession()
  const { extensions } = await session.refused(IssueAccessTokenDocument, { audience: text })
  expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'audience' }] })
  expect(await historyOf(gatehouse, user)).toEqual([])
})

test('the event is recorded by the time of the answer, and the token stands in neither log nor store', async () => {
  const { user, session } = await newSession()
  gatehouse.logs.splice(0)
  const token = await tokenOf(session)
  const { kid, jti } = { ...decodeProtectedHeader(token), ...(await startService(gatehouse)(token)).payload }
  expect(await historyOf(gatehouse, user)).toMatchObject([
    {
      type: 'ACCESS_TOKEN_ISSUED',
      outcome: 'SUCCESS',
      severity: 'INFO',
      sessionId: session.sessionId,
      actor: null,
      details: { audience, keyId: kid, tokenId: jti },
    },
  ])
  await expectUnharmed(gatehouse, { secrets: [token, token.split('.')[2] as string] })
})

test('when the event can not be written no token is handed out', async () => {
  const own = await startGatehouse()
  try {
    const session = await own.signedInAs(await own.createUser())
    await own.sql.unsafe('ALTER TABLE security_events ADD CONSTRAINT closed CHECK (false) NOT VALID')
    const { text, errors } = await session.send(IssueAccessTokenDocument, { audience })
    expect(errors?.[0]?.extensions.code).toBe('INTERNAL_SERVER_ERROR')
    expect(text).not.toContain('eyJ')
  } finally {
    await own.close()
  }
})

test('while PostgreSQL is away no token is handed out, and the public keys are served all the same', async () => {
  const database = await createTestDatabase()
  const proxy = await startTcpProxy(database.url)
  const own = await startGatehouse({ databaseUrl: proxy.url })
  try {
    const session = await own.signedInAs(await own.createUser())
    await session.ask(MeDocument, {})
    proxy.cut()
    const { status, errors } = await session.send(IssueAccessTokenDocument, { audience })
    expect([status, errors?.[0]?.extensions.code]).toEqual([503, 'SERVICE_DEGRADED'])
    expect(await publishedKeys(own)).toHaveLength(1)
  } finally {
    proxy.restore()
    await own.close()
    await proxy.close()
    await database.drop()
  }
})

test('a session that is over gets no token; what it got before stays good until its own end', async () => {
  const { session } = await newSession()
  const token = await tokenOf(session)
  await session.ask(LogoutDocument, {})
  const { extensions } = await session.refused(IssueAccessTokenDocument, { audience })
  expect(extensions).toEqual({ code: 'SESSION_ENDED', reason: 'SIGNED_OUT' })
  await startService(gatehouse)(token)
})
