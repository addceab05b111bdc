import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import postgres from 'postgres'
import { expect, inject, test } from 'vitest'
import { openDatabase } from '../../src/db/client.ts'
import { asServer, createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/gatehouse.ts'

/** PostgreSQL behind a path that breaks at the first question, once a connection is open. */
const startFragilePath = async () => {
  const { hostname, port } = new URL(inject('postgresUrl'))
  let broken = 0
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    let isOpen = false
    for (const socket of [client, upstream]) socket.on('error', () => {})
    upstream.on('data', (data) => {
      isOpen ||= data.includes('Z\0\0\0\x05I') // ReadyForQuery
      client.write(data)
    })
    client.on('data', (data) => {
      if (!isOpen) return void upstream.write(data)
      broken++
      client.destroy()
      upstream.destroy()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(inject('postgresUrl'))
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url: url.href, broken: () => broken, close: () => server.close() }
}

test('a connection that is lost as soon as it is open fails what was asked on it, and no promise that nobody has', async () => {
  const path = await startFragilePath()
  const database = openDatabase(path.url)
  const orphans: unknown[] = []
  const hear = (problem: unknown) => void orphans.push(problem)
  process.on('unhandledRejection', hear)
  await expect(database.ping()).rejects.toMatchObject({ code: 'SERVICE_DEGRADED' })
  await database.close()
  await new Promise(setImmediate)
  process.off('unhandledRejection', hear)
  expect([path.broken() > 0, orphans]).toEqual([true, []])
  path.close()
})

test('announcements that PostgreSQL refuses to take up again, for too many connections, leave the other connections as they are', async () => {
  const { url, drop } = await createTestDatabase()
  const owner = postgres(url, { max: 1, onnotice: () => {} })
  const name = new URL(url).pathname.slice(1)
  const database = openDatabase(asServer(url))
  let [begun, interrupted] = [0, 0]
  await database.listen({
    onMessage: { some_channel() {} },
    onListening: () => void begun++,
    onInterrupted: () => void interrupted++,
  })
  const backend = async () =>
    (await database.reading.execute<{ pid: number }>('select pg_backend_pid() as pid'))[0]?.pid
  const pids = new Set([await backend(), await backend()])

  await owner.unsafe(`ALTER DATABASE ${name} CONNECTION LIMIT 0`)
  await owner`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = ${name} AND application_name = 'gatehouse listener'`
  const refusedAt = performance.now()
  await eventually(async () => {
    pids.add(await backend()) // answered all the while
    return interrupted === 1 && performance.now() - refusedAt > 1_000
  })
  await owner.unsafe(`ALTER DATABASE ${name} CONNECTION LIMIT -1`)
  await eventually(() => begun === 2)
  pids.add(await backend())
  expect(pids.size).toBeLessThanOrEqual(2)
  await database.close()
  await owner.end()
  await drop()
})
