import { once } from 'node:events'
import { connect } from 'node:net'

/** Sends bytes as they are, which fetch would correct or refuse, and returns all that came back until the server closed. */
export const exchange = async (url: string, ...parts: (string | Buffer)[]): Promise<string> => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const received: Buffer[] = []
  socket.on('data', (data) => received.push(data))
  socket.on('error', () => {}) // a server that has answered may reset what comes after
  for (const part of parts) socket.write(part)
  await once(socket, 'close')
  return Buffer.concat(received).toString('latin1')
}

/** A POST of `body` to /graphql as text, with a Content-Length of its own unless one is given. */
export const rawPost = (body: string, headers: Record<string, string> = {}): string => {
  const all = {
    host: 'localhost',
    connection: 'close',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return ['POST /graphql HTTP/1.1', ...lines, '', body].join('\r\n')
}
