import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import {
  ListSessionsDocument,
  MeDocument,
  RevokeSessionDocument,
  SecurityEventsDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { historyOf } from '../support/history.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

test("D5: ending someone else's session answers as ending one that never was, and ends nothing", async () => {
  const alice = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(alice)
  const mallory = await gatehouse.signedInAs(await gatehouse.createUser())

  const ids = [
    session.sessionId,
    session.sessionId.toUpperCase(),
    randomUUID(),
    alice.id,
    session.token,
    "' OR 1=1 --",
    '',
  ]
  const answers = await Promise.all(ids.map((id) => mallory.send(RevokeSessionDocument, { id })))
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
  expect(answers[0]?.errors?.[0]?.extensions).toEqual({ code: 'NOT_FOUND' })

  await session.ask(MeDocument, {})
  expect(await historyOf(gatehouse, alice)).toEqual([])
  await expectUnharmed(gatehouse, { secrets: [session.token], answers })
})

test("D5: neither the list of sessions nor the history shows anything of someone else's session", async () => {
  const alice = await gatehouse.createUser()
  const administrator = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))
  const session = await gatehouse.signedInAs(alice)
  await administrator.ask(RevokeSessionDocument, { id: session.sessionId })
  const mallory = await gatehouse.signedInAs(await gatehouse.createUser())

  const { listSessions } = await mallory.ask(ListSessionsDocument, {})
  expect(listSessions.map(({ id }) => id)).toEqual([mallory.sessionId])
  for (const filter of [{ sessionId: session.sessionId }, { userId: alice.id }, {}]) {
    expect((await mallory.ask(SecurityEventsDocument, { filter })).securityEvents.edges).toEqual([])
  }
  expect((await historyOf(gatehouse, alice)).map(({ type }) => type)).toEqual(['SESSION_REVOKED'])
})
