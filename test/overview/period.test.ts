import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SecurityEventType } from '../../src/audit/security-event.ts'
import { allSealed, expectCounted } from '../support/chain.ts'
import type { Client } from '../support/client.ts'
import { asServer } from '../support/database.ts'
import { SecurityOverviewDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, testKeys } from '../support/gatehouse.ts'
import { checkpointed, countIn, monthsAgo, whileNothingIsSealed } from '../support/old-months.ts'
import { countNaively, recordEvents } from '../support/overview.ts'
import { runProgram } from '../support/run-program.ts'

let gatehouse: Gatehouse
let other: Gatehouse
let auditors: readonly Client[]
beforeAll(async () => {
  gatehouse = await startGatehouse()
  other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
  const user = await gatehouse.createUser({ role: 'AUDITOR' })
  auditors = await Promise.all([gatehouse, other].map((server) => server.signedInAs(user)))
})
afterAll(async () => {
  await other.close()
  await gatehouse.close()
})

type Instant = Date | string
const iso = (instant: Instant | undefined) => (instant instanceof Date ? instant.toISOString() : instant)
const overview = async ({ from, to }: { from?: Instant; to?: Instant } = {}, server = randomInt(2)) => {
  const period = { from: iso(from) ?? null, to: iso(to) ?? null }
  return (await (auditors[server] as Client).ask(SecurityOverviewDocument, period)).securityOverview
}

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 24 * 3_600_000]
const types: readonly SecurityEventType[] = [
  ...([
    'LOGIN_SUCCEEDED',
    'LOGIN_SUCCEEDED',
    'LOGIN_FAILED',
    'MFA_SUCCEEDED',
    'MFA_FAILED',
    'SESSION_CREATED',
  ] as const),
  ...(['NEW_DEVICE', 'NEW_LOCATION', 'IMPOSSIBLE_TRAVEL', 'CREDENTIAL_STUFFING', 'SESSION_CONTEXT_CHANGED'] as const),
]
const oneOf = <T>(choices: readonly T[]): T => choices[randomInt(choices.length)] as T
const countsOf = ({ eventsByType }: Awaited<ReturnType<typeof overview>>) =>
  Object.fromEntries(eventsByType.map(({ type, count }) => [type, count]))

test('an empty log has rates of 0, no types, and a point of zeros for each hour of the last day', async () => {
  const empty = await overview()
  expect(empty).toMatchObject({ loginSuccessRate: 0, mfaVerificationSuccessRate: 0, eventsByType: [] })
  const endOfHour = new Date(empty.to).getTime()
  expect([endOfHour % hourMs, endOfHour - new Date(empty.from).getTime()]).toEqual([0, dayMs])
  expect(Math.abs(endOfHour - gatehouse.now().getTime())).toBeLessThanOrEqual(hourMs)
  const zeros = { logins: 0, failedLogins: 0, mfaFailures: 0, anomalies: 0 }
  expect(empty.timeline).toEqual(
    Array.from({ length: 24 }, (_none, hour) => ({
      at: new Date(endOfHour - dayMs + hour * hourMs).toISOString(),
      ...zeros,
    })),
  )
})

test('figures are those of a naive count, for any period, on both servers, while the log is being sealed', async () => {
  const [longest, now] = [70 * dayMs, gatehouse.now().getTime()]
  for (let round = 0; round < 4; round++) {
    const batch = Array.from({ length: 1_500 }, () => ({ type: oneOf(types), at: new Date(now - randomInt(longest)) }))
    await recordEvents(gatehouse.sql, batch)
    const periods = Array.from({ length: 12 }, () => {
      const unit = oneOf([1, minuteMs, hourMs, dayMs])
      const from = now - Math.ceil(randomInt(longest) / unit) * unit
      return [new Date(from), new Date(from + oneOf([1, hourMs, 2 * dayMs, longest]) * Math.ceil(Math.random() * 2))]
    }) as [Date, Date][]
    for (const [index, [from, to]] of periods.entries()) {
      const [answer, naive] = [await overview({ from, to }, index % 2), await countNaively(gatehouse.sql, from, to)]
      expect(answer).toMatchObject({ ...naive, from: from.toISOString(), to: to.toISOString() })
    }
  }
  await allSealed(gatehouse)
  await expectCounted(gatehouse)
  const [from, to] = [new Date(now - longest), new Date(now)]
  expect(await overview({ from, to })).toMatchObject(await countNaively(gatehouse.sql, from, to))
})

test('what was recorded a moment ago is counted before it is sealed, and once while it is', async () => {
  const from = new Date('2025-03-01T00:00:00Z')
  const to = new Date('2025-03-02T00:00:00Z')
  const events = Array.from({ length: 2_500 }, () => ({
    type: 'LOGGED_OUT' as const,
    at: new Date('2025-03-01T12:00Z'),
  }))
  const counts = new Set<unknown>()
  await whileNothingIsSealed(gatehouse, async () => {
    await recordEvents(gatehouse.sql, events)
    counts.add(countsOf(await overview({ from, to })).LOGGED_OUT)
  })
  const sealed = allSealed(gatehouse).then(() => true)
  while (!(await Promise.race([sealed, new Promise((resolve) => setImmediate(resolve, false))])))
    counts.add(countsOf(await overview({ from, to })).LOGGED_OUT)
  counts.add(countsOf(await overview({ from, to })).LOGGED_OUT)
  expect([...counts]).toEqual([2_500])
})

test.each([
  ['the borders of an hour', '2025-04-01T10:00:00.000Z', '2025-04-01T11:00:00.000Z'],
  ['borders within one hour', '2025-04-01T10:10:00.001Z', '2025-04-01T10:20:00.000Z'],
  ['borders within two hours', '2025-04-02T10:59:59.999Z', '2025-04-02T11:00:00.001Z'],
  ['borders within days that are far apart', '2025-04-03T10:30:00.000Z', '2025-04-13T10:30:00.000Z'],
])('%s: what happened just at `from` is counted, and just at `to` is not', async (_what, from, to) => {
  const [start, end] = [new Date(from).getTime(), new Date(to).getTime()]
  const at = (time: number) => ({ type: 'EMAIL_CHANGED' as const, at: new Date(time) })
  await recordEvents(gatehouse.sql, [at(start - 1), at(start), at(end - 1), at(end)])
  const expected = end - start === 1 ? 1 : 2
  for (const isSealed of [false, true]) {
    if (isSealed) await allSealed(gatehouse)
    expect(countsOf(await overview({ from, to }))).toEqual({ EMAIL_CHANGED: expected })
  }
})

test('points are hours of UTC up to two days, and days beyond, the partial ones at both ends included', async () => {
  const from = new Date('2025-05-01T22:30:00Z')
  const pointsUntil = async (to: string) => (await overview({ from, to })).timeline.map(({ at }) => at)
  const hours = await pointsUntil('2025-05-03T22:30:00.000Z')
  expect([hours.length, hours[0], hours.at(-1)]).toEqual([49, '2025-05-01T22:00:00.000Z', '2025-05-03T22:00:00.000Z'])
  expect(await pointsUntil('2025-05-03T22:30:00.001Z')).toEqual(
    ['2025-05-01', '2025-05-02', '2025-05-03'].map((day) => `${day}T00:00:00.000Z`),
  )
  expect(await pointsUntil('2025-05-01T22:30:00.001Z')).toEqual(['2025-05-01T22:00:00.000Z'])
  expect(await pointsUntil('2026-05-02T22:30:00Z')).toHaveLength(367)
})

test.each([
  ['from', 'more than 366 days', { from: '2025-01-01T00:00:00Z', to: '2026-01-02T00:00:00.001Z' }],
  ['from', 'from the future on', { from: '2200-01-01T00:00:00Z' }],
  ['from', 'before 1970', { from: '1969-12-31T23:59:59Z', to: '1970-01-02T00:00:00Z' }],
  ['to', 'no time', { from: '2026-01-01T00:00:00Z', to: '2026-01-01T00:00:00Z' }],
  ['to', 'backwards', { from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' }],
  ['to', 'after 9998', { to: '9999-01-01T00:00:00Z' }],
])('BAD_USER_INPUT names `%s` for a period of %s', async (path, _what, period) => {
  const refusal = await (auditors[0] as Client).refused(SecurityOverviewDocument, period)
  expect(refusal.extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path }] })
})

test('a month that was archived and dropped is counted as before, by whole hours', async () => {
  const month = monthsAgo(3)
  const start = new Date(month).getTime()
  const batch = Array.from({ length: 300 }, () => ({ type: oneOf(types), at: new Date(start + randomInt(28 * dayMs)) }))
  await recordEvents(gatehouse.sql, batch)
  await checkpointed(gatehouse)
  const periods = [
    { from: new Date(start), to: new Date(start + 28 * dayMs) },
    { from: new Date(start + 5 * hourMs), to: new Date(start + 40 * hourMs) },
  ]
  const before = await Promise.all(periods.map((period) => overview(period)))
  const directory = await mkdtemp(join(tmpdir(), 'gatehouse-overview-'))
  const archiving = await runProgram('cli/gatehouse.ts', ['archive-audit', '--to', directory, '--months', '2'], {
    environment: { DATABASE_URL: asServer(gatehouse.databaseUrl), GATEHOUSE_KEYS: testKeys },
  })
  await rm(directory, { recursive: true })
  expect([archiving.code, archiving.stderr, await countIn(gatehouse, month)]).toEqual([0, '', 0])
  expect(await Promise.all(periods.map((period) => overview(period)))).toEqual(before)
  expect(before[0]?.eventsByType.length).toBeGreaterThan(0)
})
