import { afterAll, beforeAll, expect, test } from 'vitest'
import { LoginDocument, MeDocument, MyMfaDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { roundsOf } from '../support/rounds.ts'
import { answerChallenge, beginEnrolment, completeChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

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

const codeFor = (secret: string) => totpCode(secret, gatehouse.now())

test('an enrolment that was begun and left changes nothing about signing in', async () => {
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  await beginEnrolment(session)
  const { me } = await session.ask(MyMfaDocument, {})
  expect(me.mfa).toMatchObject({ enabled: false, preferredFactor: null, factors: [{ status: 'PENDING' }] })
  const { email, password } = user
  const { login } = await gatehouse.anonymous.ask(LoginDocument, { input: { email, password } })
  expect(login.__typename).toBe('SignedIn')
})

test('a second enrolment voids the first: its challenge is over, and its factor is gone', async () => {
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  const first = await beginEnrolment(session)
  const second = await beginEnrolment(session)
  expect(second.secret).not.toBe(first.secret)

  const tooLate = await answerChallenge(session, first.challenge.id, codeFor(first.secret))
  expect(tally([tooLate])).toEqual({ CHALLENGE_EXPIRED: 1 })
  const done = await completeChallenge(session, second.challenge.id, codeFor(second.secret), 'MfaActivated')
  const { me } = await gatehouse.clientWith(done.sessionToken).ask(MyMfaDocument, {})
  expect(me.mfa.factors).toMatchObject([{ id: second.factor.id, status: 'ACTIVE', preferred: true }])
})

test('of enrolments begun at once, in sessions on two servers, one can be finished', async () => {
  for (let round = 0; round < roundsOf(2); round++) {
    const user = await gatehouse.createUser()
    const session = await gatehouse.signedInAs(user)
    const clients = [session, other.clientWith((await gatehouse.signedInAs(user)).token)]
    const begun = await atOnce(10, clients, beginEnrolment)
    expect((await session.ask(MyMfaDocument, {})).me.mfa.factors).toHaveLength(1)

    const answers = await atOnce(10, clients, (client, turn) =>
      answerChallenge(client, begun[turn]?.challenge.id ?? '', codeFor(begun[turn]?.secret ?? '')),
    )
    expect(tally(answers)).toEqual({ OK: 1, CHALLENGE_EXPIRED: 9 })
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ MFA_ENROLLED: 1, BACKUP_CODES_GENERATED: 1 })
  }
})

test('of one code sent 50 times at once to two servers, one puts the factor in force, with one set of backup codes', async () => {
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  const { challenge, secret } = await beginEnrolment(session)
  const clients = [session, other.clientWith(session.token)]
  const answers = await atOnce(50, clients, (client) => answerChallenge(client, challenge.id, codeFor(secret)))

  expect(tally(answers).OK).toBe(1)
  const won = answers.find(({ errors }) => !errors)?.data?.verifyMfa
  if (won?.__typename !== 'MfaActivated') throw new Error('Nothing was activated')
  expect(won.backupCodes?.codes).toHaveLength(10)
  expect(won.mfa).toMatchObject({ enabled: true, backupCodesRemaining: 10 })
  await other.clientWith(won.sessionToken).ask(MeDocument, {})
  expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ MFA_ENROLLED: 1, BACKUP_CODES_GENERATED: 1 })
})

test('putting a factor in force gives the session a new token, and the old one is dead on every server', async () => {
  const session = await gatehouse.signedInAs(await gatehouse.createUser())
  await other.clientWith(session.token).ask(MeDocument, {})
  const { challenge, secret } = await beginEnrolment(session)
  const { sessionToken } = await completeChallenge(session, challenge.id, codeFor(secret), 'MfaActivated')

  const later = await startGatehouse({ databaseUrl: gatehouse.databaseUrl, redisUrl: null })
  for (const server of [gatehouse, other, later]) {
    expect((await server.clientWith(session.token).refused(MeDocument, {})).extensions.code).toBe('UNAUTHENTICATED')
    await server.clientWith(sessionToken).ask(MeDocument, {})
  }
  await later.close()
})

test('the ten backup codes are different, begin with their slot, and are stored as salted hashes only', async () => {
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  const { challenge, secret } = await beginEnrolment(session)
  const { backupCodes } = await completeChallenge(session, challenge.id, codeFor(secret), 'MfaActivated')
  const codes = backupCodes?.codes ?? []
  expect(codes.map((text) => text.slice(0, 2))).toEqual([...'0123456789'].map((slot) => `${slot}-`))
  expect(new Set(codes.map((text) => text.slice(2))).size).toBe(10)
  const stored = await gatehouse.sql`SELECT code_hash FROM backup_codes WHERE user_id = ${user.id}`
  expect(new Set(stored.map((row) => row.code_hash)).size).toBe(10)
  for (const row of stored) expect(row.code_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
})
