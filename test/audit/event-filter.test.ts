import { randomUUID } from 'node:crypto'
import { drizzle } from 'drizzle-orm/postgres-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EventFilter, fits, parseFilter } from '../../src/audit/event-filter.ts'
import { createEventStore } from '../../src/audit/event-store.ts'
import { createSealedEventStore } from '../../src/audit/sealed-event-store.ts'
import type { EventReport } from '../../src/audit/security-event.ts'
import { secondsAfter } from '../../src/lib/clock.ts'
import { allSealed } from '../support/chain.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

test('a filter means the same to a page, to what a subscriber missed, and to what happens', async () => {
  const db = drizzle(gatehouse.sql)
  const [alice, bob, session, other] = Array.from({ length: 4 }, randomUUID) as [string, string, string, string]
  const start = new Date(Math.floor(gatehouse.now().getTime() / 1000) * 1000)
  let second = 0
  const events = createEventStore(db, () => secondsAfter(start, second))
  const types = ['LOGIN_SUCCEEDED', 'LOGIN_FAILED', 'SESSION_TOKEN_REUSED'] as const
  for (const type of types)
    for (const userId of [alice, bob, null])
      for (const ipAddress of ['192.0.2.1', '2001:db8::1', null]) {
        const client = ipAddress === null ? null : { ipAddress, userAgent: 'test' }
        const outcome = type === 'LOGIN_SUCCEEDED' ? 'SUCCESS' : second % 2 ? 'FAILURE' : 'DENIED'
        const report: EventReport = { type, outcome, userId, sessionId: second % 3 ? session : null, client }
        await events.append(report)
        second++
      }
  await allSealed(gatehouse)

  const choices: { [Key in keyof EventFilter]-?: Required<EventFilter>[Key][] } = {
    types: [[], ['LOGIN_FAILED'], ['LOGIN_FAILED', 'SESSION_TOKEN_REUSED']],
    severities: [[], ['WARNING', 'CRITICAL']],
    outcomes: [[], ['FAILURE']],
    userId: [alice.toUpperCase(), other],
    sessionId: [session.toUpperCase()],
    ipAddress: ['192.0.2.1', '2001:db8::1'],
    from: [secondsAfter(start, 9)],
    to: [secondsAfter(start, 20)],
  }
  const single = Object.entries(choices).flatMap(([name, values]) =>
    values.map((value): EventFilter => ({ [name]: value })),
  )
  const filters = [{}, ...single, ...single.flatMap((one) => single.map((another) => ({ ...one, ...another })))]
  const sealed = createSealedEventStore(db)
  const head = await sealed.readHead()
  const everything = await sealed.list({ sequence: 0, occurredAt: null }, head, {}, 1_000)
  expect(everything).toHaveLength(27)
  for (const filter of filters.map(parseFilter)) {
    const ids = everything.filter(({ event }) => fits(filter, event)).map(({ event }) => event.id)
    const page = await events.page(filter, null, 1_000)
    const missed = await sealed.list({ sequence: 0, occurredAt: start }, head, filter, 1_000)
    expect(
      missed.map(({ event }) => event.id),
      JSON.stringify(filter),
    ).toEqual(ids)
    expect(page.map(({ id }) => id).toSorted(), JSON.stringify(filter)).toEqual(ids.toSorted())
  }
})
