import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, inject, test } from 'vitest'
import { openDatabase } from '../../src/db/client.ts'

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
