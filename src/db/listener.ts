import postgres, { type Sql } from 'postgres'
import { withDeadline } from '../lib/deadline.ts'

export interface ListenerOptions {
  readonly url: string
  /** What to do with the announcements of each channel. */
  readonly onMessage: Readonly<Record<string, (payload: string) => void>>
  /** Called each time that listening begins; what was announced before is not delivered. */
  readonly onListening: () => void
  /** Called when announcements may be missed from now on. */
  readonly onInterrupted: () => void
  /** Called when PostgreSQL does not answer at all. */
  readonly onUnreachable: () => void
}

export interface Listener {
  close(): Promise<void>
}

/** Whether PostgreSQL itself refused, such as for too many connections: other connections may be as good as before. */
const isAnswer = ({ code = '' }: { readonly code?: string }): boolean => /^(?=.*\d)(?!57P)[0-9A-Z]{5}$/.test(code)

const heartbeatMs = 1_000
const deadlineMs = 1_500 // a `select 1` that takes longer meets a frozen server or a broken network
const retryMs = 300

/**
 * Listens for NOTIFY on a connection of its own, opened anew after every fault, and asks it every second whether it
 * still lives. Rejects when PostgreSQL can't be reached at the first try.
 */
export const startListening = async (options: ListenerOptions): Promise<Listener> => {
  const { url, onMessage, onListening, onInterrupted, onUnreachable } = options
  let current: Sql | undefined
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  const interrupt = (client: Sql): void => {
    if (client !== current) return
    current = undefined
    clearTimeout(timer)
    client.end({ timeout: 0 }).catch(() => {})
    onInterrupted()
    if (!isClosed) timer = setTimeout(reconnect, retryMs)
  }

  const beat = (client: Sql): void => {
    timer = setTimeout(async () => {
      const isAlive = await withDeadline(client`select 1`, deadlineMs, 'PostgreSQL').then(
        () => true,
        () => false,
      )
      if (client !== current) return
      if (isAlive) return beat(client)
      onUnreachable()
      interrupt(client)
    }, heartbeatMs)
  }

  const connect = async (): Promise<void> => {
    const client: Sql = postgres(url, {
      max: 1,
      connect_timeout: deadlineMs / 1_000,
      max_lifetime: null,
      fetch_types: false,
      onnotice: () => {},
      onnotify: (channel: string, payload: string) => onMessage[channel]?.(payload),
      onclose: () => interrupt(client),
      connection: { application_name: 'gatehouse listener' },
    } as postgres.Options<Record<string, never>>)
    try {
      const statements = Object.keys(onMessage).map((channel) => `listen ${channel}`)
      await withDeadline(client.unsafe(statements.join('; ')), deadlineMs, 'PostgreSQL')
    } catch (problem) {
      client.end({ timeout: 0 }).catch(() => {})
      throw problem
    }
    if (isClosed) return void client.end({ timeout: 0 })
    current = client
    onListening()
    beat(client)
  }

  const reconnect = (): Promise<void> =>
    connect().catch((problem) => {
      if (!isAnswer(problem)) onUnreachable()
      if (!isClosed) timer = setTimeout(reconnect, retryMs)
    })

  await connect()
  return {
    async close() {
      isClosed = true
      clearTimeout(timer)
      const last = current
      current = undefined
      await last?.end({ timeout: 1 })
    },
  }
}
