import { decodeProtectedHeader } from 'jose'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { auditKeysOf } from '../../src/audit/audit-key.ts'
import { parseHead } from '../../src/cli/head.ts'
import { asOperator } from '../../src/cli/operator.ts'
import { publishedKeys, tokenOf } from '../support/access-token.ts'
import { allSealed, failLogin, isSealing } from '../support/chain.ts'
import type { Client } from '../support/client.ts'
import { backUpDatabase, createTestDatabase } from '../support/database.ts'
import { LoginDocument, LogoutDocument, MeDocument, VerifyMfaDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser, testKeys } from '../support/gatehouse.ts'
import { eventsWhere } from '../support/history.ts'
import { readKeys } from '../support/keys.ts'
import { mailedResetToken, resetPassword } from '../support/recovery.ts'
import { runProgram } from '../support/run-program.ts'
import { answerChallenge, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>
let server: Gatehouse
beforeEach(async () => {
  database = await createTestDatabase()
  server = await startGatehouse({ databaseUrl: database.url })
})
afterEach(async () => {
  await server.close()
  await database.drop()
})

const cli = (...args: string[]) =>
  runProgram('cli/gatehouse.ts', args, { environment: { DATABASE_URL: database.url, GATEHOUSE_KEYS: testKeys } })

const codeFor = (client: Client) =>
  client
    .send(MeDocument, {})
    .then(({ errors }) => errors?.[0]?.extensions.reason ?? errors?.[0]?.extensions.code ?? 'live')

const refusal = async (user: TestUser, code: string) =>
  (await answerChallenge(server.anonymous, await loginChallenge(server.anonymous, user), code)).errors?.[0]?.extensions
    .code

/** Resolves once PostgreSQL and Redis are in use again. */
const isReady = async (url: string) =>
  ((await (await fetch(`${url}/readyz`)).json()) as { status: string }).status === 'ready'

/** What `verify-audit` finds wrong with the log, compared with a head where one is given. */
const problemOfLog = async (head: string | null) => {
  const keys = auditKeysOf(readKeys(testKeys))
  const { finding } = await asOperator(database.url, ({ verifyLog }) =>
    verifyLog(new Map(keys.map(({ id, publicKey }) => [id, publicKey])))({
      from: null,
      to: null,
      knownHead: head === null ? null : parseHead(head),
    }),
  )
  return finding?.problem ?? null
}

const newestHead = async (): Promise<string> => {
  await allSealed(server)
  const [head] = await server.sql`SELECT sequence, encode(hash, 'hex') AS hash FROM audit_head`
  return `${head?.sequence}:${head?.hash}`
}

test('what was ended, used or begun since the backup is refused within seconds of the command, on servers that ran all along and on new ones', async () => {
  const user = await server.createUser()
  const seed = await server.giveTotp(user)
  const [backupCode = ''] = await server.giveBackupCodes(user)
  const [kept, signedOut] = [await server.signedInAs(user), await server.signedInAs(user)]
  const resetUser = await server.createUser()
  const resetToken = await mailedResetToken(server, resetUser)
  const accessToken = await tokenOf(kept)
  const trusting = await loginChallenge(server.anonymous, user)
  server.advanceClock(-30)
  const { verifyMfa } = await server.anonymous.ask(VerifyMfaDocument, {
    input: { challengeId: trusting, code: totpCode(seed, server.now()), trustDevice: true },
  })
  const deviceToken = verifyMfa.__typename === 'SignedIn' ? verifyMfa.deviceToken : null
  expect(deviceToken).toBeTruthy()
  server.advanceClock(30)
  await failLogin(server)
  const backedUpHead = await newestHead()
  const backup = await backUpDatabase(database.url)
  await eventually(() => isReady(server.url))

  await signedOut.ask(LogoutDocument, {})
  const usedCode = totpCode(seed, server.now())
  const challengeId = await loginChallenge(server.anonymous, user)
  const { sessionToken } = await completeChallenge(server.anonymous, challengeId, usedCode, 'SignedIn')
  const begunSince = server.clientWith(sessionToken ?? '')
  await completeChallenge(server.anonymous, await loginChallenge(server.anonymous, user), backupCode, 'SignedIn')
  expect((await resetPassword(server.anonymous, resetToken, 'another fine passphrase')).errors).toBeUndefined()
  const lostHead = await newestHead()
  expect(await Promise.all([kept, begunSince].map(codeFor))).toEqual(['live', 'live'])

  await backup.restore()
  await eventually(() => isReady(server.url))
  const { code, stdout, stderr } = await cli('after-restore', '--head', lostHead)
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^Ended, and recorded as DATABASE_RESTORED:\n {11}3 {2}sessions\n/)
  const told = performance.now()
  await eventually(async () => (await codeFor(begunSince)) === 'UNAUTHENTICATED')
  expect(performance.now() - told).toBeLessThan(3_000)
  await eventually(() => isReady(server.url))
  expect(await codeFor(begunSince)).toBe('UNAUTHENTICATED')
  expect(await Promise.all([kept, signedOut].map(codeFor))).toEqual(['REVOKED_BY_ADMIN', 'SIGNED_OUT'])
  expect(await refusal(user, usedCode)).toBe('MFA_CODE_INVALID')
  expect(await refusal(user, backupCode)).toBe('MFA_CODE_INVALID')
  expect(
    (await resetPassword(server.anonymous, resetToken, 'another fine passphrase')).errors?.[0]?.extensions.code,
  ).toBe('TOKEN_INVALID')
  const { email, password } = user
  const trusted = await server.anonymous.ask(LoginDocument, { input: { email, password, deviceToken } })
  expect(trusted.login.__typename).toBe('MfaRequired')
  await eventually(async () => {
    const ids = (await publishedKeys(server)).map(({ kid }) => kid)
    return ids.length === 1 && !ids.includes(decodeProtectedHeader(accessToken).kid)
  })
  server.advanceClock(60)
  const fresh = await loginChallenge(server.anonymous, user)
  await completeChallenge(server.anonymous, fresh, totpCode(seed, server.now()), 'SignedIn')

  // Who ran all along saw a later head, and does not build on the earlier one.
  await eventually(() => server.logs.some((line) => line.includes('ends before a head that was seen earlier')))
  const anew = await startGatehouse({ databaseUrl: database.url })
  expect(await codeFor(anew.clientWith(sessionToken ?? ''))).toBe('UNAUTHENTICATED')
  expect(await codeFor(anew.clientWith(kept.token))).toBe('REVOKED_BY_ADMIN')
  await eventually(() => isSealing(anew.logs))
  await allSealed(anew)
  const [restored] = await eventsWhere(anew, { types: ['DATABASE_RESTORED'] })
  expect(restored).toMatchObject({ severity: 'CRITICAL', details: { sessions: 3, head: backedUpHead, lostHead } })
  expect(await problemOfLog(null)).toBeNull()
  expect(await problemOfLog(lostHead)).toMatch(/^log(Cut|Replaced)$/)
  await anew.close()
}, 120_000)

test('--dry-run counts what would end, and changes nothing', async () => {
  const client = await server.signedInAs(await server.createUser())
  const { code, stdout } = await cli('after-restore', '--dry-run')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^Nothing was changed\. There are to end:\n {11}1 {2}sessions\n/)
  expect(await codeFor(client)).toBe('live')
  const [row] = await server.sql`
    SELECT (SELECT count(*) FROM database_restores)::int AS restores,
      (SELECT count(*) FROM security_events WHERE type IN ('DATABASE_RESTORED', 'SESSION_REVOKED'))::int AS events,
      (SELECT count(*) FROM signing_keys WHERE revoked_at IS NOT NULL)::int AS revoked`
  expect(row).toEqual({ restores: 0, events: 0, revoked: 0 })
})

test('twice at once it ends each session once, with its event, and people sign in after', async () => {
  const users = await Promise.all([1, 2, 3].map(() => server.createUser()))
  for (const user of users) await server.signedInAs(user)
  const endings = await Promise.all([cli('after-restore'), cli('after-restore')])
  expect(endings.map(({ code, stderr }) => [code, stderr])).toEqual([
    [0, ''],
    [0, ''],
  ])
  const revoked = await server.sql`
    SELECT e.session_id FROM security_events e JOIN user_sessions s ON s.id = e.session_id
    WHERE type = 'SESSION_REVOKED' AND end_reason = 'REVOKED_BY_ADMIN'`
  expect(new Set(revoked.map(({ session_id }) => session_id)).size).toBe(3)
  expect(revoked).toHaveLength(3)
  const [user] = users as [TestUser]
  const { login } = await server.anonymous.ask(LoginDocument, { input: { email: user.email, password: user.password } })
  expect(login.__typename).toBe('SignedIn')
})
