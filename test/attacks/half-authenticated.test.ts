import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import { EnrolMfaDocument, ListSessionsDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { countTypes, eventsWhere, historyOf } from '../support/history.ts'
import { introspect, rootOperations } from '../support/schema-walk.ts'
import { completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

/** What a stranger may call too, and what a stranger is told there. */
const openToAll: Readonly<Record<string, string>> = {
  register: 'OK',
  confirmEmail: 'TOKEN_INVALID',
  login: 'INVALID_CREDENTIALS',
  requestPasswordReset: 'OK',
  resetPassword: 'TOKEN_INVALID',
  resolveSessionLimit: 'CHALLENGE_EXPIRED',
  sendMfaCode: 'CHALLENGE_EXPIRED',
  verifyMfa: 'CHALLENGE_EXPIRED',
}

test('B1: between password and code every operation is refused, but for those open to all', async () => {
  const { anonymous, clientWith } = gatehouse
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const challengeId = await loginChallenge(anonymous, user)
  const half = clientWith(challengeId)

  const operations = rootOperations(await introspect(anonymous), 0)
  expect(operations.length).toBeGreaterThan(10)
  const answers = await Promise.all(operations.map(({ text }) => half.sendText(text)))
  expect(
    Object.fromEntries(
      operations.map(({ name }, index) => [name, answers[index]?.errors?.[0]?.extensions.code ?? 'OK']),
    ),
  ).toEqual(Object.fromEntries(operations.map(({ name }) => [name, openToAll[name] ?? 'UNAUTHENTICATED'])))

  const refusals = await eventsWhere(gatehouse, { types: ['ACCESS_DENIED'] })
  expect(refusals.map(({ details }) => details.field).sort()).toEqual(
    operations
      .map(({ name }) => name)
      .filter((name) => !(name in openToAll))
      .sort(),
  )
  expect(countTypes(await historyOf(gatehouse, user))).toEqual({ MFA_CHALLENGED: 1 })
  const { sessionToken } = await completeChallenge(anonymous, challengeId, totpCode(seed, gatehouse.now()), 'SignedIn')
  const { listSessions } = await clientWith(sessionToken).ask(ListSessionsDocument, {})
  expect(listSessions).toHaveLength(1)
  await expectUnharmed(gatehouse, { secrets: [seed, user.password], answers })
})

test('B4: between password and code no enrolment begins, and the answer holds nothing of the factor in force', async () => {
  const { anonymous, clientWith } = gatehouse
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const half = clientWith(await loginChallenge(anonymous, user))

  const answer = await half.send(EnrolMfaDocument, { input: { method: 'TOTP' } })
  expect(answer.status).toBe(401)
  expect(answer.errors?.map(({ extensions }) => extensions.code)).toEqual(['UNAUTHENTICATED'])
  expect(countTypes(await historyOf(gatehouse, user))).toEqual({ MFA_CHALLENGED: 1 })
  await expectUnharmed(gatehouse, { secrets: [seed], answers: [answer] })
})
