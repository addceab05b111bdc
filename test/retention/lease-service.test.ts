import { drizzle } from 'drizzle-orm/postgres-js'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/lib/ids.ts'
import { createLogger } from '../../src/lib/logger.ts'
import { createLease } from '../../src/retention/lease-service.ts'
import { createLeaseStore } from '../../src/retention/lease-store.ts'
import { startPurges } from '../../src/retention/purge-schedule-service.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/gatehouse.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>
let sql: Sql
let leases: ReturnType<typeof createLeaseStore>
beforeAll(async () => {
  database = await createTestDatabase()
  sql = postgres(database.url, { max: 10, onnotice: () => {} })
  leases = createLeaseStore(drizzle(sql))
})
afterAll(async () => {
  await sql.end()
  await database.drop()
})

const leaseOf = (task: string) => createLease({ leases, task, holder: newId() })

/** As if the holder had died a while ago. */
const letTimePass = (task: string) =>
  sql`UPDATE task_leases SET held_until = clock_timestamp() - interval '1 ms' WHERE task = ${task}`

const wins = async (contenders: readonly ReturnType<typeof leaseOf>[]) => {
  const claims = await Promise.all(contenders.map((lease) => lease.claim()))
  return contenders.filter((_lease, index) => claims[index])
}

test('of 50 claims at once exactly one takes the task, and again once its holder died', async () => {
  const contenders = Array.from({ length: 50 }, () => leaseOf('raced'))
  const [holder, ...others] = await wins(contenders)
  expect(others).toEqual([])
  expect(await wins(contenders.filter((lease) => lease !== holder))).toEqual([])
  await letTimePass('raced')
  expect(await wins(contenders.filter((lease) => lease !== holder))).toHaveLength(1)
})

test('its holder renews a task, and nobody else does or gives it up', async () => {
  const [mine, other] = [leaseOf('renewed'), leaseOf('renewed')]
  expect([await mine.claim(), await other.claim()]).toEqual([true, false])
  await other.giveUp()
  await sql`UPDATE task_leases SET held_until = held_until - interval '60 s' WHERE task = 'renewed'`
  expect([await mine.claim(), await other.keep(), await mine.keep()]).toEqual([true, false, true])
  const [row] =
    await sql`SELECT held_until > clock_timestamp() + interval '60 s' AS renewed FROM task_leases WHERE task = 'renewed'`
  expect(row).toEqual({ renewed: true })
  await mine.giveUp()
  expect(await other.claim()).toBe(true)
})

test('a task is held for between one and two minutes, by the clock of PostgreSQL', async () => {
  await leaseOf('timed').claim()
  const [row] = await sql`
    SELECT held_until - clock_timestamp() BETWEEN interval '60 s' AND interval '120 s' AS fits FROM task_leases WHERE task = 'timed'`
  expect(row).toEqual({ fits: true })
})

describe('servers that purge now and then', () => {
  /** Starts servers that note their rounds, on a duty of their own. */
  const startServers = (duty: string, count: number) => {
    const rounds: number[] = []
    let atOnce = 0
    let mostAtOnce = 0
    const servers = Array.from({ length: count }, (_none, index) =>
      startPurges({
        purge: {
          async run({ mayGoOn }) {
            mostAtOnce = Math.max(mostAtOnce, ++atOnce)
            rounds.push(index)
            for (let step = 0; step < 5; step++) await mayGoOn()
            atOnce--
            return true
          },
        },
        duty: leaseOf(duty),
        turn: leaseOf(`${duty}, turn`),
        intervalMs: 5,
        firstAfterMs: 0,
        log: createLogger('silent'),
      }),
    )
    const stop = async () => {
      for (const server of servers) await server.stop()
    }
    return { servers, rounds, mostAtOnce: () => mostAtOnce, stop }
  }

  test('one of five does all of it; when that one stops, another takes over at its next turn', async () => {
    const { servers, rounds, mostAtOnce, stop } = startServers('duty', 5)
    await eventually(() => rounds.length >= 20)
    const [first] = rounds as [number]
    expect(new Set(rounds)).toEqual(new Set([first]))
    await servers[first]?.stop()
    const until = rounds.length
    await eventually(() => rounds.length >= until + 20)
    expect(new Set(rounds.slice(until)).size).toBe(1)
    expect(rounds[until]).not.toBe(first)
    expect(mostAtOnce()).toBe(1)
    await stop()
    expect(await sql`SELECT 1 FROM task_leases WHERE task LIKE 'duty%'`).toHaveLength(0)
  })

  test('none purges while a command is at it', async () => {
    const command = leaseOf('busy, turn')
    await command.claim()
    const { rounds, stop } = startServers('busy', 2)
    await eventually(async () => (await sql`SELECT 1 FROM task_leases WHERE task = 'busy'`).length > 0)
    expect(rounds).toEqual([])
    await command.giveUp()
    await eventually(() => rounds.length > 0)
    await stop()
  })
})
