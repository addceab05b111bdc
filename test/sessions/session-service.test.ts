import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../support/client.ts'
import {
  ListSessionsDocument,
  LogoutDocument,
  MeDocument,
  RevokeSessionDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { historyOf } from '../support/history.ts'
import { atOnce } from '../support/race.ts'
import { roundsOf } from '../support/rounds.ts'

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

const twoSessions = async () => {
  const user = await gatehouse.createUser()
  return { user, phone: await gatehouse.signedInAs(user), laptop: await gatehouse.signedInAs(user) }
}

const refusal = async (client: Client) => (await client.refused(MeDocument, {})).extensions

/** Refused with this reason on every server. */
const expectEnded = async (token: string, reason: string) => {
  for (const server of [gatehouse, other]) {
    expect(await refusal(server.clientWith(token))).toEqual({ code: 'SESSION_ENDED', reason })
  }
}

test('a user ends another session of theirs: its token is refused on every server, the other goes on', async () => {
  const { user, phone, laptop } = await twoSessions()
  for (const server of [gatehouse, other]) await server.clientWith(phone.token).ask(MeDocument, {})
  const { revokeSession } = await laptop.ask(RevokeSessionDocument, { id: phone.sessionId })
  expect(revokeSession).toMatchObject({ id: phone.sessionId, endReason: 'REVOKED_BY_USER', current: false })
  expect(revokeSession.endedAt).not.toBe(null)

  await expectEnded(phone.token, 'REVOKED_BY_USER')
  const { listSessions } = await laptop.ask(ListSessionsDocument, {})
  expect(listSessions.map(({ id, current }) => ({ id, current }))).toEqual([{ id: laptop.sessionId, current: true }])
  expect((await historyOf(gatehouse, user)).filter(({ type }) => type !== 'ACCESS_DENIED')).toMatchObject([
    {
      type: 'SESSION_REVOKED',
      outcome: 'SUCCESS',
      sessionId: phone.sessionId,
      actor: null,
      details: { reason: 'REVOKED_BY_USER' },
    },
  ])
})

test('an administrator ends the session of anyone, and the event names who did it', async () => {
  const { user, phone } = await twoSessions()
  const administrator = await gatehouse.createUser({ role: 'ADMIN' })
  const desk = await gatehouse.signedInAs(administrator)
  const { revokeSession } = await desk.ask(RevokeSessionDocument, { id: phone.sessionId })
  expect(revokeSession).toMatchObject({ endReason: 'REVOKED_BY_ADMIN', current: false })

  await expectEnded(phone.token, 'REVOKED_BY_ADMIN')
  expect(await historyOf(gatehouse, user)).toMatchObject([
    { type: 'SESSION_REVOKED', sessionId: phone.sessionId, actor: { id: administrator.id }, user: { id: user.id } },
  ])
  expect(await historyOf(gatehouse, administrator)).toEqual([])
})

test.each(['USER', 'AUDITOR'] as const)("%s can not end someone else's session", async (role) => {
  const { phone } = await twoSessions()
  const stranger = await gatehouse.signedInAs(await gatehouse.createUser({ role }))
  for (const id of [phone.sessionId, randomUUID()]) {
    expect((await stranger.refused(RevokeSessionDocument, { id })).extensions).toEqual({ code: 'NOT_FOUND' })
  }
  await phone.ask(MeDocument, {})
})

test('ending a session again answers as the first time, whoever does it, and records nothing more', async () => {
  const { user, phone, laptop } = await twoSessions()
  const desk = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))
  const first = await laptop.send(RevokeSessionDocument, { id: phone.sessionId })
  for (const client of [laptop, desk]) {
    expect((await client.send(RevokeSessionDocument, { id: phone.sessionId })).text).toBe(first.text)
  }
  expect(await historyOf(gatehouse, user)).toHaveLength(1)
})

test('of many ends of one session at once on two servers, one is recorded and all answer alike', async () => {
  const { user, phone, laptop } = await twoSessions()
  const clients = [laptop, other.clientWith(laptop.token)]
  const answers = await atOnce(50, clients, (client) => client.send(RevokeSessionDocument, { id: phone.sessionId }))
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  expect(answers[0]?.data?.revokeSession).toMatchObject({ endReason: 'REVOKED_BY_USER' })
  expect((await historyOf(gatehouse, user)).map(({ type }) => type)).toEqual(['SESSION_REVOKED'])
})

test('of a logout, a revocation and an administrator at once, one ends the session and one event says so', async () => {
  for (let round = 0; round < roundsOf(3); round++) {
    const { user, phone, laptop } = await twoSessions()
    const desk = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))
    const id = phone.sessionId
    await Promise.all([
      phone.send(LogoutDocument, {}),
      laptop.send(RevokeSessionDocument, { id }),
      other.clientWith(desk.token).send(RevokeSessionDocument, { id }),
    ])
    const { code, reason } = await refusal(phone)
    expect(code).toBe('SESSION_ENDED')
    const ends = (await historyOf(gatehouse, user)).filter(({ type }) => type !== 'ACCESS_DENIED')
    expect(ends.map(({ sessionId, details }) => ({ sessionId, ...details }))).toEqual([{ sessionId: id, reason }])
  }
})

test('signing out ends the session that asks and no other, on every server, with one event', async () => {
  const { user, phone, laptop } = await twoSessions()
  const { logout } = await phone.ask(LogoutDocument, {})
  expect(logout).toMatchObject({ id: phone.sessionId, endReason: 'SIGNED_OUT' })
  await expectEnded(phone.token, 'SIGNED_OUT')
  expect((await phone.refused(LogoutDocument, {})).extensions).toEqual({ code: 'SESSION_ENDED', reason: 'SIGNED_OUT' })
  await laptop.ask(MeDocument, {})

  const history = await historyOf(gatehouse, user)
  expect(history.map(({ type, sessionId }) => ({ type, sessionId }))).toEqual([
    { type: 'LOGGED_OUT', sessionId: phone.sessionId },
  ])
})

test('a user may end the session that asks by its id, and an administrator their own', async () => {
  for (const role of ['USER', 'ADMIN'] as const) {
    const user = await gatehouse.createUser({ role })
    const session = await gatehouse.signedInAs(user)
    const { revokeSession } = await session.ask(RevokeSessionDocument, { id: session.sessionId })
    expect(revokeSession).toMatchObject({ endReason: 'REVOKED_BY_USER', current: true })
    await expectEnded(session.token, 'REVOKED_BY_USER')
  }
})
