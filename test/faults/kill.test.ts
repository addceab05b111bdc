import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectCounted, expectSealed } from '../support/chain.ts'
import { createTestDatabase } from '../support/database.ts'
import { startGatehouseProcess } from '../support/gatehouse-process.ts'
import { live } from '../support/life.ts'
import { expectOneToOne } from '../support/one-to-one.ts'
import { atOnce } from '../support/race.ts'

const operations = Number(process.env.GATEHOUSE_ROUNDS ?? 150)
const fewestKills = 2
const lanes = 8
const longestMs = 120_000 + operations * 100

let database: Awaited<ReturnType<typeof createTestDatabase>>
let sql: postgres.Sql
beforeAll(async () => {
  database = await createTestDatabase()
  sql = postgres(database.url, { max: 1, onnotice: () => {} })
})
afterAll(async () => {
  await sql.end()
  await database.drop()
})

test(
  `I10: through ${operations} operations on two servers that are killed at random, what was changed and what was recorded match one to one`,
  async () => {
    const servers = await atOnce(2, [database.url], (url) => startGatehouseProcess(url))
    const alive = new Set(servers)
    let answered = 0
    let kills = 0
    let broken = 0
    const isOver = () => answered >= operations && kills >= fewestKills
    const told: string[] = []

    const killing = async () => {
      while (!isOver()) {
        await pause(randomInt(100, 1_500))
        const [victim] = [...alive].slice(randomInt(alive.size))
        if (!victim) throw new Error('No server lives')
        alive.delete(victim)
        await victim.end('SIGKILL')
        kills++
        alive.add(await startGatehouseProcess(database.url))
      }
    }
    const world = {
      serverUrl: () => ([...alive][randomInt(alive.size)] as (typeof servers)[number]).url,
      onAnswer() {
        answered++
      },
    }
    const living = async () => {
      while (!isOver()) await live(world, told).catch(() => broken++)
    }
    await Promise.all([killing(), ...Array.from({ length: lanes }, living)])

    const events = await expectSealed({ sql })
    await expectCounted({ sql })
    const counts = await expectOneToOne({ sql })
    for (const [what, changes] of Object.entries(counts)) expect(changes, what).toBeGreaterThan(0)
    const sessions = new Set((await sql`SELECT id FROM user_sessions`).map(({ id }) => id))
    expect(told.filter((id) => !sessions.has(id))).toEqual([])
    console.log({ answered, kills, broken, events: events.length, ...counts })
    await Promise.all([...alive].map((server) => server.end('SIGKILL')))
  },
  longestMs,
)
