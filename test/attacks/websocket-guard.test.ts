import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  AnyEventsDocument,
  IssueAccessTokenDocument,
  OwnEventsDocument,
  SessionEndedDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { eventsWhere } from '../support/history.ts'
import { connect, newestEvent } from '../support/live-socket.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const userWith = async (role: 'USER' | 'AUDITOR' | 'ADMIN') => {
  const user = await gatehouse.createUser({ role })
  const client = await gatehouse.signedInAs(user)
  const act = () => client.ask(IssueAccessTokenDocument, { audience: 'shop' })
  await act()
  const live = await connect(gatehouse.url, client.token)
  return { user, client, act, live, first: await newestEvent(gatehouse) }
}

const refusalsOf = ({ id }: { id: string }) => eventsWhere(gatehouse, { userId: id, types: ['ACCESS_DENIED'] })

test('F13 a user gets no stream of the whole log, whatever the filter, and not one empty frame', async () => {
  const alice = await userWith('USER')
  const bob = await userWith('USER')
  const streams = [{}, { userId: bob.user.id }, { userId: alice.user.id }, { types: [] }].map((filter) =>
    alice.live.subscribe(AnyEventsDocument, { after: alice.first, filter }),
  )
  const foreign = alice.live.subscribeText(`subscription { securityEvents(userId: "${bob.user.id}") { id } }`)
  await eventually(() => streams.every((stream) => stream.isOver()) && foreign.isOver())
  const witness = alice.live.subscribe(OwnEventsDocument, { after: alice.first })
  await bob.act()
  await alice.act()
  await eventually(() => witness.data().some(({ securityEvents }) => securityEvents.type === 'ACCESS_TOKEN_ISSUED'))
  for (const stream of streams) expect([stream.codes(), stream.data()]).toEqual([['FORBIDDEN'], []])
  expect(foreign.codes()).toEqual(['BAD_USER_INPUT'])
  const frames = alice.live.frames.filter(({ id, type }) => type === 'next' && id !== witness.id)
  expect(frames).toEqual([])
})

test('F13 an auditor who loses that role gets FORBIDDEN for the next event, once, and none of it', async () => {
  const auditor = await userWith('AUDITOR')
  const bob = await userWith('USER')
  const stream = auditor.live.subscribe(AnyEventsDocument, { after: auditor.first, filter: { userId: bob.user.id } })
  await eventually(() => stream.data().length > 0)
  const seen = stream.data().length
  await gatehouse.sql`UPDATE users SET role = 'USER' WHERE id = ${auditor.user.id}`
  await bob.act()
  await eventually(stream.isOver)
  await bob.act()
  const own = auditor.live.subscribe(OwnEventsDocument, { after: auditor.first })
  await eventually(() => own.data().length > 0) // the socket lives on, for what is allowed
  expect([stream.codes(), stream.data().length]).toEqual([['FORBIDDEN'], seen])
  expect((await refusalsOf(auditor.user)).map(({ details }) => details)).toEqual([
    { field: 'auditEvents', code: 'FORBIDDEN' },
  ])
})

test('F13 a user who comes to owe a second factor gets no further event, but is told of the end of the session', async () => {
  const alice = await userWith('USER')
  const own = alice.live.subscribe(OwnEventsDocument, { after: alice.first })
  const ending = alice.live.subscribe(SessionEndedDocument, {})
  await gatehouse.sql`
    INSERT INTO mfa_policies (role, requirement, grace_days, required_since, updated_at)
    VALUES ('USER', 'REQUIRED', 0, now(), now())`
  await gatehouse.sql`SELECT pg_notify('gatehouse_policies', '')`
  await eventually(async () => {
    const { errors } = await alice.client.send(IssueAccessTokenDocument, { audience: 'shop' })
    return errors?.[0]?.extensions.code === 'MFA_ENROLMENT_REQUIRED' // its refusal is an event, too
  })
  await eventually(own.isOver)
  expect(own.codes()).toEqual(['MFA_ENROLMENT_REQUIRED'])
  await gatehouse.sql`DELETE FROM mfa_policies`
  await gatehouse.sql`SELECT pg_notify('gatehouse_policies', '')`
  await alice.client.sendText('mutation { logout { id } }')
  expect((await alice.live.closed).code).toBe(4401)
  expect(ending.data()).toHaveLength(1)
})

test('F13 an account that is closed in the record gets no further event, and its sockets close', async () => {
  const alice = await userWith('USER')
  const own = alice.live.subscribe(OwnEventsDocument, { after: alice.first })
  const other = alice.live.subscribe(OwnEventsDocument, { after: alice.first })
  await alice.act()
  await eventually(() => own.data().length === 1 && other.data().length === 1)
  await gatehouse.sql`UPDATE users SET status = 'SUSPENDED' WHERE id = ${alice.user.id}`
  await alice.client.send(IssueAccessTokenDocument, { audience: 'shop' })
  expect(await alice.live.closed).toEqual({ code: 4401, reason: 'ACCOUNT_SUSPENDED' })
  expect([own.data().length, other.data().length]).toEqual([1, 1])
})
