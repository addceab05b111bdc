import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Transform } from 'node:stream'

/**
 * Stands between Gatehouse and a server, for faults that the server itself can't be made to have: `pause` holds every
 * byte back and drops none, `delay` holds each answer back for some time, `cut` ends all connections and refuses new ones,
 * `restore` undoes all of these; `strand` is a path that died without a word; `redirect` puts another server in its place.
 */
export const startTcpProxy = async (target: string) => {
  let { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const stranded = new Set<Socket>()
  let isPaused = false
  let isCut = false
  let delayMs = 0

  /** Passes answers on in their order, each as late as was asked for when it came. */
  const delayed = () => {
    let lastDue = 0
    return new Transform({
      transform(chunk, _encoding, done) {
        const now = performance.now()
        lastDue = Math.max(lastDue, now + delayMs)
        if (lastDue <= now) return done(null, chunk)
        setTimeout(() => this.push(chunk), lastDue - now)
        return done()
      },
    })
  }

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
    upstream.pipe(delayed(), { end: false }).pipe(client)
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
    delay(milliseconds: number): void {
      delayMs = milliseconds
    },
    redirect(elsewhere: string): void {
      ;({ hostname, port } = new URL(elsewhere))
      for (const socket of sockets) socket.destroy()
    },
    cut(): void {
      isCut = true
      for (const socket of sockets) socket.destroy()
    },
    restore(): void {
      isPaused = false
      isCut = false
      delayMs = 0
      for (const socket of sockets) socket.resume()
      for (const socket of stranded) socket.destroy()
    },
    close(): void {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
