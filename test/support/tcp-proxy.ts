import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * Stands between Gatehouse and a server, for faults that the server itself can't be made to have: `pause` holds every
 * byte back and drops none, `cut` ends all connections and refuses new ones, `restore` undoes both; `strand` is a path that died
 * without a word.
 */
export const startTcpProxy = async (target: string) => {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const stranded = new Set<Socket>()
  let isPaused = false
  let isCut = false

  const server = createServer((client) => {
    if (isCut) return client.destroy()
    const upstream = connect(Number(port), hostname)
    const both = [client, upstream]
    for (const socket of both) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        for (const other of both) other.destroy()
      })
    }
    client.pipe(upstream)
    upstream.pipe(client)
    if (isPaused) for (const socket of both) socket.pause()
    return client
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)

  return {
    url: url.href,
    pause(): void {
      isPaused = true
      for (const socket of sockets) socket.pause()
    },
    /** Leaves the connections that are open without an answer for good, and serves new ones. */
    strand(): void {
      for (const socket of sockets) {
        stranded.add(socket)
        socket.unpipe()
        socket.pause()
      }
      sockets.clear()
    },
    cut(): void {
      isCut = true
      for (const socket of sockets) socket.destroy()
    },
    restore(): void {
      isPaused = false
      isCut = false
      for (const socket of sockets) socket.resume()
      for (const socket of stranded) socket.destroy()
    },
    close(): void {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
