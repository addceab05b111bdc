import { WebSocket } from 'ws'

export interface Subscriber {
  close(): void
}

export interface Subscribing {
  readonly port: number
  readonly sessionToken: string
  readonly query: string
  /** The user's number: each user calls from an address of their own, which a trusted proxy reports. */
  readonly user: number
  /** Takes the text of each frame that brings an event. */
  readonly onEvent: (text: string) => void
}

/** Opens a socket and subscribes over it; resolves once the introduction is acknowledged. */
export const subscribe = ({ port, sessionToken, query, user, onEvent }: Subscribing): Promise<Subscriber> =>
  new Promise((resolve, reject) => {
    const headers = { 'x-forwarded-for': `10.${(user >> 16) & 255}.${(user >> 8) & 255}.${user & 255}` }
    const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws', { headers })
    const send = (message: object): void => socket.send(JSON.stringify(message))
    socket.on('open', () => send({ type: 'connection_init', payload: { authorization: `Bearer ${sessionToken}` } }))
    socket.on('message', (data) => {
      const text = String(data)
      if (text.includes('"type":"next"')) return onEvent(text)
      if (!text.includes('"connection_ack"')) return reject(new Error(`Not a success: ${text}`))
      send({ id: '1', type: 'subscribe', payload: { query } })
      resolve({ close: () => socket.close() })
    })
    socket.on('error', reject)
    socket.on('close', (code, reason) => reject(new Error(`A socket was closed: ${code} ${reason}`)))
  })
