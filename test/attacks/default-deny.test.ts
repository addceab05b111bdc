import { afterAll, beforeAll, expect, test } from 'vitest'
import { rowCounts } from '../support/evidence.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { openSocket } from '../support/live-socket.ts'
import { rootOperations, subscriptionOperations, writtenSchema } from '../support/schema-walk.ts'

/** What answers a caller that nobody knows. Each has a proof of its own in its arguments, or tells nothing. */
const openToAnyone = [
  'register',
  'confirmEmail',
  'login',
  'verifyMfa',
  'sendMfaCode',
  'requestPasswordReset',
  'resetPassword',
  'resolveSessionLimit',
]

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
  const user = await gatehouse.createUser()
  await gatehouse.giveTotp(user)
  await gatehouse.signedInAs(user)
})
afterAll(() => gatehouse.close())

const deepest = 8 // below the limit, and deeper than any type stands
const operations = rootOperations(writtenSchema, deepest)
const closed = operations.filter(({ name }) => !openToAnyone.includes(name))

test.each(closed)('F9 nobody reads a field of a type through $name', async ({ name, text }) => {
  const before = (await rowCounts(gatehouse.sql)).split('\n').filter((line) => !line.startsWith('security_event'))
  const { status, data, errors } = await gatehouse.anonymous.sendText(text)
  expect(status).toBe(401)
  expect(Object.values(data ?? {}).filter((value) => value !== null)).toEqual([])
  expect(errors).toEqual([expect.objectContaining({ path: [name], extensions: { code: 'UNAUTHENTICATED' } })])
  expect((await rowCounts(gatehouse.sql)).split('\n').filter((line) => !line.startsWith('security_event'))).toEqual(
    before,
  )
})

test.each(subscriptionOperations(writtenSchema, deepest))(
  'F9 nobody reads an event through $name',
  async ({ text }) => {
    const live = await openSocket(gatehouse.url)
    live.send({ type: 'connection_init' })
    live.subscribeText(text)
    expect((await live.closed).code).toBe(4401)
    expect(live.frames).toEqual([])
  },
)

test('F9 the fields that answer anyone are mutations, and are still in the schema', () => {
  const mutations = Object.keys(writtenSchema.getMutationType()?.getFields() ?? {})
  expect(mutations).toEqual(expect.arrayContaining(openToAnyone))
})

test('F9 no object is reached by its id alone: there is no node, nodes or Node', () => {
  expect(operations.filter(({ name }) => /^_|^nodes?$/.test(name))).toEqual([])
  expect(writtenSchema.getType('Node')).toBeUndefined()
})
