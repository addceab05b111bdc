import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Client } from '../support/client.ts'
import { asServer } from '../support/database.ts'
import { LoginDocument } from '../support/documents.generated.ts'
import { countEvents } from '../support/evidence.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { startGatehouseProcess } from '../support/gatehouse-process.ts'
import { eventsWhere, settleRefusals, timesOfAll } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { roundsOf } from '../support/rounds.ts'

const config = { trustedProxies: ['127.0.0.1'] }
const rounds = roundsOf(2)

let servers: [Gatehouse, Gatehouse]
beforeAll(async () => {
  const first = await startGatehouse({ config })
  servers = [first, await startGatehouse({ config, databaseUrl: first.databaseUrl })]
})
afterAll(async () => {
  for (const { close } of servers.toReversed()) await close()
})

let begun: Date
beforeEach(async () => {
  for (const { advanceClock } of servers) advanceClock(61)
  await settleRefusals(servers[0])
  await servers[0].sql`DELETE FROM repeated_refusals`
  begun = servers[0].now()
})

const from = ({ anonymous }: Pick<Gatehouse, 'anonymous'>, address: string) =>
  anonymous.with({ 'x-forwarded-for': address })
const refused = (client: Client, field = 'me { id }') => client.sendText(`{ ${field} }`)

/** What this test recorded so far, newest last; nothing is settled for it. */
const recorded = async () =>
  servers[0].sql`
    SELECT e.id, e.user_id, e.session_id, p.ip_address, p.details FROM security_events e
    JOIN security_event_personal_data p ON p.event_id = e.id
    WHERE e.type = 'ACCESS_DENIED' AND e.occurred_at >= ${begun.toISOString()} ORDER BY e.id`

test('a thousand equal refusals over two servers are one event at once, and one with the other 999 a minute later', async () => {
  const answers = await atOnce(1000, servers, (server) => refused(from(server, '203.0.113.1')))
  expect(tally(answers)).toEqual({ UNAUTHENTICATED: 1000 })
  expect(await recorded()).toMatchObject([
    { user_id: null, ip_address: '203.0.113.1', details: { field: 'me', code: 'UNAUTHENTICATED' } },
  ])
  for (const { advanceClock } of servers) advanceClock(61)
  const [first, second, ...more] = await eventually(async () => {
    const events = await recorded()
    return events.length > 1 && events
  })
  expect(more).toEqual([])
  const { from: firstAt, until, ...details } = second?.details ?? {}
  expect(details).toEqual({ ...first?.details, repeats: 999 })
  expect(second?.ip_address).toBe('203.0.113.1')
  expect(begun.getTime()).toBeLessThanOrEqual(Date.parse(firstAt))
  expect(Date.parse(firstAt)).toBeLessThan(Date.parse(until))
  expect(Date.parse(until)).toBeLessThan(servers[0].now().getTime() - 50_000)

  await refused(from(servers[1], '203.0.113.1'))
  expect(await recorded()).toHaveLength(3)
})

test('users, sessions, networks, fields and reasons are told apart, and addresses within one /64 are not', async () => {
  const [alice, bob] = [await servers[0].createUser(), await servers[0].createUser()]
  const clients = [
    ...(await Promise.all([alice, alice, bob].map((user) => servers[0].signedInAs(user)))),
    from(servers[0], '203.0.113.1'),
    from(servers[0], '2001:db8:1:2::1'),
    from(servers[1], '2001:db8:1:3::1'),
  ]
  for (const client of [...clients, from(servers[1], '2001:db8:1:2:ffff::1')]) {
    for (const field of ['auditEvents { __typename }', 'mfaPolicies { __typename }']) await refused(client, field)
  }
  expect(await recorded()).toHaveLength(2 * clients.length)
  expect(await servers[0].sql`SELECT 1 FROM repeated_refusals WHERE repeats = 1`).toHaveLength(2)
})

test('whoever varies the network leaves no more events than a server tells apart, and every refusal is counted', async () => {
  const total = 700
  const addresses = Array.from({ length: total }, (_none, n) => `2001:db8:${Math.trunc(n / 100)}:${n % 100}::1`)
  const alice = await servers[0].signedInAs(await servers[0].createUser())
  await atOnce(total, servers, (server, n) => refused(from(server, addresses[n] as string)))
  await refused(alice, 'auditEvents { __typename }')
  await settleRefusals(servers[0])
  const events = await recorded()
  expect(timesOfAll(events as never)).toBe(total + 1)
  const various = events.filter(({ details }) => details.various)
  expect(various).toMatchObject([{ ip_address: null }, { details: { repeats: total - 2 * 100 - 1 } }])
  expect(events.filter(({ user_id }) => user_id)).toMatchObject([{ details: { field: 'auditEvents' } }])
  expect(events).toHaveLength(2 * 100 + 2 + 1)
})

test('no refusal is lost or counted twice while windows end under fire', async () => {
  let sent = 0
  let isOver = false
  const fire = async (server: Gatehouse) => {
    while (!isOver) {
      sent += 25
      await atOnce(25, [server], () => refused(from(server, '203.0.113.1')))
    }
  }
  const under = servers.map(fire)
  try {
    for (let round = 0; round < rounds; round++) {
      const before = (await recorded()).length
      await eventually(async () => {
        const ended = await servers[0].sql`
          UPDATE repeated_refusals SET window_ends_at = 'epoch' WHERE repeats > 0 RETURNING subject`
        return ended.length > 0
      })
      await eventually(async () => (await recorded()).length > before + 1) // the sum, and the first of this or the next window
    }
  } finally {
    isOver = true
  }
  await Promise.all(under)
  await settleRefusals(servers[0])
  const events = await recorded()
  expect(timesOfAll(events as never)).toBe(sent)
  expect(events.length).toBeLessThanOrEqual(2 * (rounds + 1))
})

test(
  'a server that is killed takes no refusal with it that it answered',
  async () => {
    const { databaseUrl, sql } = servers[0]
    for (let round = 0; round < rounds; round++) {
      const before = await countEvents(sql, 'ACCESS_DENIED')
      const process = await startGatehouseProcess(asServer(databaseUrl), { TRUSTED_PROXIES: '127.0.0.1' })
      let [sent, answered] = [0, 0]
      const fire = async () => {
        for (;;) {
          sent++
          const isAnswered = await refused(from(process, '203.0.113.2')).then(
            () => true,
            () => false,
          )
          if (!isAnswered) return
          answered++
        }
      }
      const under = Promise.all(Array.from({ length: 8 }, fire))
      await eventually(() => answered > 20 + 50 * round)
      await process.end('SIGKILL')
      await under
      await settleRefusals(servers[0])
      const counted = (await countEvents(sql, 'ACCESS_DENIED')) - before
      expect(counted).toBeGreaterThanOrEqual(answered)
      expect(counted).toBeLessThanOrEqual(sent)
    }
  },
  60_000 + 10_000 * rounds,
)

test('failed sign-ins are evidence, each by itself', async () => {
  const user = await servers[0].createUser()
  const input = { email: user.email, password: 'a wrong one' }
  await atOnce(5, servers, ({ anonymous }) => anonymous.send(LoginDocument, { input }))
  const failures = await eventsWhere(servers[0], { userId: user.id, types: ['LOGIN_FAILED'] })
  expect(failures).toHaveLength(5)
})

test('a refusal stands, and the log says so, where it can not be counted', async () => {
  const [{ sql, logs, anonymous }] = servers
  await sql`ALTER TABLE repeated_refusals RENAME TO hidden`
  try {
    expect(tally([await refused(anonymous)])).toEqual({ UNAUTHENTICATED: 1 })
    expect(logs.join('')).toContain('a refusal could not be recorded')
  } finally {
    await sql`ALTER TABLE hidden RENAME TO repeated_refusals`
  }
})
