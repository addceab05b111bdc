import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { auditKeysOf } from '../../src/audit/audit-key.ts'
import { asOperator } from '../../src/cli/operator.ts'
import { newId } from '../../src/lib/ids.ts'
import { createKeyRing } from '../../src/lib/key-ring.ts'
import { factorBinding } from '../../src/mfa/factor.ts'
import { startOf } from '../support/build.ts'
import { allSealed, failLogin } from '../support/chain.ts'
import { createTestDatabase } from '../support/database.ts'
import { MeDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser, testKeys } from '../support/gatehouse.ts'
import { readKeys } from '../support/keys.ts'
import { runProgram } from '../support/run-program.ts'
import { answerChallenge, beginEnrolment, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

const newKey = `k2:${Buffer.alloc(32, 2).toString('base64')}`
const [newestFirst, newestLast] = [`${newKey},${testKeys}`, `${testKeys},${newKey}`]
const rows = 1_600 // four batches

let database: Awaited<ReturnType<typeof createTestDatabase>>
beforeEach(async () => {
  database = await createTestDatabase()
})
afterEach(() => database.drop())

const startWith = (keys = testKeys) => startGatehouse({ databaseUrl: database.url, config: { keys: readKeys(keys) } })

const environment = (keys: string) => ({ DATABASE_URL: database.url, GATEHOUSE_KEYS: keys })
const rotateKeys = (keys: string, args: readonly string[] = []) =>
  runProgram('cli/gatehouse.ts', ['rotate-keys', ...args], { environment: environment(keys) })

/** Phone numbers of one user, and a mail that waits, sealed by the old key. */
const fill = async ({ createUser, keys, sql }: Gatehouse) => {
  const { id: userId } = await createUser()
  const sealed = Array.from({ length: rows }, () => {
    const id = newId()
    return { id, factor: keys.seal(id, factorBinding({ id, userId, method: 'SMS' })), mail: keys.seal(id, id) }
  })
  await sql`
    INSERT INTO mfa_configurations (id, user_id, method, label, status, sealed_secret, created_at)
    SELECT id, ${userId}, 'SMS', '', 'ACTIVE', factor, now()
    FROM jsonb_to_recordset(${JSON.stringify(sealed)}::jsonb) AS row (id uuid, factor text)`
  await sql`
    INSERT INTO outgoing_messages (id, recipient, subject, sealed_text, created_at, due_at)
    SELECT id, 'ada@example.com', 'Waits', mail, now(), now() + interval '1 day'
    FROM jsonb_to_recordset(${JSON.stringify(sealed.slice(0, 1))}::jsonb) AS row (id uuid, mail text)`
  return userId
}

/** How many rows of all three columns are sealed under a key. */
const countUnder = async ({ sql }: Pick<Gatehouse, 'sql'>, keyId: string): Promise<number> => {
  const [row] = await sql`
    SELECT count(*)::int AS n FROM (
      SELECT sealed_secret AS sealed FROM mfa_configurations UNION ALL
      SELECT sealed_private_key FROM signing_keys UNION ALL SELECT sealed_text FROM outgoing_messages
    ) AS all_rows WHERE split_part(sealed, ':', 1) = ${keyId}`
  return row?.n
}

/** Signs in once a time step, by a clock that runs ahead, until it is told to stop; resolves with how often. */
const keepSigningIn = (server: Gatehouse, user: TestUser, seed: string) => {
  let isStopped = false
  const signingIn = (async () => {
    let times = 0
    do {
      server.advanceClock(30)
      await signIn(server, user, seed)
      times++
    } while (!isStopped)
    return times
  })()
  signingIn.catch(() => {}) // told to whoever stops it
  return {
    stop: () => {
      isStopped = true
      return signingIn
    },
  }
}

const signIn = async (server: Gatehouse, user: TestUser, seed: string) => {
  const challengeId = await loginChallenge(server.anonymous, user)
  const code = totpCode(seed, server.now())
  const { sessionToken } = await completeChallenge(server.anonymous, challengeId, code, 'SignedIn')
  return server.clientWith(sessionToken ?? '')
}

/** Runs the command until it has done some, with a row that somebody holds before it, and kills it. */
const killInTheMiddle = async (server: Gatehouse, owner: string): Promise<void> => {
  const held = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const hold = server.sql.begin(async (tx) => {
    await tx`SELECT 1 FROM mfa_configurations WHERE user_id = ${owner} LIMIT 1 FOR UPDATE`
    held.resolve()
    await release.promise
  })
  await held.promise
  const victim = spawn(process.execPath, [...startOf('cli/gatehouse.ts'), 'rotate-keys'], {
    env: { ...environment(newestFirst) },
    stdio: 'ignore',
  })
  const exited = once(victim, 'exit')
  await eventually(async () => (await countUnder(server, 'k2')) > 0)
  victim.kill('SIGKILL')
  const [, signal] = await exited
  expect(signal).toBe('SIGKILL')
  release.resolve()
  await hold
}

test('while people sign in everything is sealed anew, also after a kill and twice at once, and then the old key can go', async () => {
  const before = await startWith()
  const user = await before.createUser()
  const seed = await before.giveTotp(user)
  const oldSession = await before.signedInAs(await before.createUser())
  const owner = await fill(before)
  await failLogin(before)
  await allSealed(before)
  const server = await startWith(newestFirst)
  const load = keepSigningIn(server, user, seed)
  await killInTheMiddle(server, owner)
  expect(await countUnder(server, 'test')).toBeGreaterThan(0)
  await before.close()
  await failLogin(server)
  await allSealed(server)
  const runHere = () =>
    asOperator(database.url, (operator) => operator.keyRotation(readKeys(newestFirst)).run(() => {}))
  await Promise.all([runHere(), runHere()])
  const { code, stdout, stderr } = await rotateKeys(newestFirst)
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(
    /^0 rows were sealed anew under k2\.\ntest may be removed; up to 1 sessions end \(none after 2/,
  )
  expect(await load.stop()).toBeGreaterThan(1)
  expect(await countUnder(server, 'test')).toBe(0)
  const onlyNew = createKeyRing(readKeys(newKey))
  const kept = await server.sql`SELECT id, sealed_secret FROM mfa_configurations WHERE user_id = ${owner}`
  for (const { id, sealed_secret } of kept)
    expect(onlyNew.open(sealed_secret, factorBinding({ id, userId: owner, method: 'SMS' }))).toBe(id)
  // The old key is in the ring still, and so the tokens that it signed are good.
  expect((await server.clientWith(oldSession.token).send(MeDocument, {})).status).toBe(200)

  const bare = await startWith(newKey)
  bare.advanceClock((server.now().getTime() - Date.now()) / 1000 + 30)
  await (await signIn(bare, user, seed)).ask(MeDocument, {})
  expect((await bare.clientWith(oldSession.token).refused(MeDocument, {})).extensions.code).toBe('UNAUTHENTICATED')
  await Promise.all([server.close(), bare.close()])
  const keys = new Map(auditKeysOf(readKeys(newKey)).map(({ id, publicKey }) => [id, publicKey]))
  const { finding } = await asOperator(database.url, ({ verifyLog }) => verifyLog(keys)({ from: null, to: null }))
  expect(finding).toBeNull()
}, 120_000)

test('--dry-run tells what each key is used for and changes nothing', async () => {
  const server = await startWith()
  await fill(server)
  const { code, stdout, stderr } = await rotateKeys(newestFirst, ['--dry-run'])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout.split('\n')).toEqual([
    'Nothing was changed.',
    'test must stay:',
    `  it seals ${rows} of mfa_configurations.sealed_secret`,
    '  it seals 1 of signing_keys.sealed_private_key',
    '  it seals 1 of outgoing_messages.sealed_text',
    '',
  ])
  expect(await countUnder(server, 'test')).toBe(rows + 2)
  await server.close()
})

test('a key that is not in the ring is named, what it sealed is left as it is, and the exit code is 1', async () => {
  const server = await startWith()
  await fill(server)
  const { code, stdout, stderr } = await rotateKeys(newKey)
  expect([code, stdout]).toEqual([
    1,
    `0 rows were sealed anew under k2.\ntest is not in GATEHOUSE_KEYS, and seals ${rows} of mfa_configurations.sealed_secret, 1 of signing_keys.sealed_private_key, 1 of outgoing_messages.sealed_text.\n`,
  ])
  expect(stderr.trim().split('\n')).toHaveLength(11)
  expect(stderr).toContain(`and ${rows + 2 - 10} more`)
  expect(await countUnder(server, 'test')).toBe(rows + 2)
  await server.close()
})

test('servers that know the new key before one seals with it serve each other, in both orders', async () => {
  const [first, second] = [await startWith(newestLast), await startWith(newestFirst)]
  const user = await first.createUser()
  for (const [here, there] of [
    [first, second],
    [second, first],
  ] as const) {
    const { token } = await here.signedInAs(user)
    expect((await there.clientWith(token).ask(MeDocument, {})).me.id).toBe(user.id)
    const enrolling = await here.createUser()
    const client = await here.signedInAs(enrolling)
    const { secret, challenge } = await beginEnrolment(client)
    const answering = there.clientWith(client.token)
    await completeChallenge(answering, challenge.id, totpCode(secret, there.now()), 'MfaActivated')
  }
  await Promise.all([first.close(), second.close()])
})

test('a server that lacks the key of a secret refuses the act as SERVICE_DEGRADED, and the code is good on another', async () => {
  const [ahead, behind] = [await startWith(newestFirst), await startWith()]
  const user = await ahead.createUser()
  const client = await ahead.signedInAs(user)
  const { secret, challenge } = await beginEnrolment(client)
  await completeChallenge(client, challenge.id, totpCode(secret, ahead.now()), 'MfaActivated')
  for (const server of [ahead, behind]) server.advanceClock(30)
  const challengeId = await loginChallenge(behind.anonymous, user)
  const code = totpCode(secret, behind.now())
  const { status, errors } = await answerChallenge(behind.anonymous, challengeId, code)
  expect([status, errors?.map(({ extensions }) => extensions)]).toEqual([503, [{ code: 'SERVICE_DEGRADED' }]])
  expect(behind.logs.join('')).toContain('sealed under the key \\"k2\\"')
  await completeChallenge(ahead.anonymous, challengeId, code, 'SignedIn')
  await Promise.all([ahead.close(), behind.close()])
})
