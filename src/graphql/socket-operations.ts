import { CloseCode, MessageType, parseMessage, type WebSocket } from 'graphql-ws'

interface Operation {
  /** Whether the client may use its id again: it completed it, or is being told of its end. */
  isEnding: boolean
  done: Promise<void>
}

/** What one socket subscribed to. */
export interface SocketOperations {
  /** Says that the client is about to read of the end. */
  readonly end: (id: string) => void
  /** Hands on what comes, as `onMessage` of a socket does. */
  readonly onMessage: WebSocket['onMessage']
}

export interface SocketOperationsDeps {
  readonly socket: Pick<WebSocket, 'onMessage' | 'close'>
  /** Answers a subscription beyond the limit. */
  readonly refuse: (id: string) => Promise<void>
  readonly most: number
}

const longestId = 100
const { ConnectionInit, Ping, Pong, Subscribe, Complete } = MessageType
const ofClients = new Set<MessageType>([ConnectionInit, Ping, Pong, Subscribe, Complete])

/**
 * Stands before graphql-ws, which knows operations by their ids alone and takes a reused one for the one before. A subscription
 * whose id is free again for the client waits until what had it has ended on our side. `most` may be live, and as many again be
 * on their way out. Closes the socket with 4400 for what no client sends.
 */
export const createSocketOperations = ({ socket, refuse, most }: SocketOperationsDeps): SocketOperations => {
  const operations = new Set<Operation>()
  const latest = new Map<string, Operation>()
  const running = new Map<string, Operation>()

  const isFull = (): boolean =>
    operations.size >= 2 * most || [...operations].filter(({ isEnding }) => !isEnding).length >= most

  const start = (id: string, take: () => Promise<void>): Promise<void> => {
    const before = latest.get(id)
    if (before && !before.isEnding) return take() // which closes the socket
    if (isFull()) return refuse(id)
    const run = async (): Promise<void> => {
      if (before) await before.done.catch(() => {})
      if (operation.isEnding) return
      running.set(id, operation)
      await take()
    }
    const operation: Operation = { isEnding: false, done: Promise.resolve() }
    operations.add(operation)
    latest.set(id, operation)
    operation.done = run().finally(() => {
      operations.delete(operation)
      for (const known of [latest, running]) if (known.get(id) === operation) known.delete(id)
    })
    return operation.done
  }

  const end = (operation: Operation | undefined): void => {
    if (operation) operation.isEnding = true
  }

  return {
    end: (id) => end(running.get(id)),
    onMessage: (take) =>
      socket.onMessage(async (text) => {
        const message = messageIn(text)
        if (!message || !ofClients.has(message.type))
          return socket.close(CloseCode.BadRequest, 'Invalid message received')
        if (message.type === Subscribe) {
          if (message.id.length > longestId) return socket.close(CloseCode.BadRequest, 'Invalid message received')
          return start(message.id, () => Promise.resolve(take(text)))
        }
        if (message.type === Complete) end(latest.get(message.id))
        return take(text)
      }),
  }
}

const messageIn = (text: string) => {
  try {
    return parseMessage(text)
  } catch {
    return undefined
  }
}
