import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { DeadlineExceeded, withDeadline } from '../../src/lib/deadline.ts'

const stall = (milliseconds: number) => {
  const until = performance.now() + milliseconds
  while (performance.now() < until);
}

test('work that takes too long is given up when its time is over', async () => {
  const start = performance.now()
  await expect(withDeadline(pause(2_000, null, { ref: false }), 50, 'Redis')).rejects.toThrow(DeadlineExceeded)
  expect(performance.now() - start).toBeLessThan(1_000)
})

test('work that fails in time fails as it does', async () => {
  await expect(withDeadline(Promise.reject(new Error('refused')), 50, 'Redis')).rejects.toThrow('refused')
})

test('what was answered while this process stood still is no failure of the other side', async () => {
  const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  const answer = withDeadline(once(socket, 'data'), 50, 'the echo')
  setImmediate(() => {
    setImmediate(() => socket.write('late')) // not even sent when it is stopped
    stall(200)
  })
  expect(String(await answer)).toBe('late')
  socket.destroy()
  server.close()
})
