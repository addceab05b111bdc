import { Gauge } from 'prom-client'
import type { DatabaseLoad } from '../db/client.ts'
import type { Clock } from '../lib/clock.ts'
import type { Metrics } from './metrics.ts'

/** What waits in PostgreSQL for a relay, and since when the oldest of it does. */
interface Backlog {
  readonly count: number
  readonly since: Date | null
}

/** How a server stands at this moment. */
export interface ServerState {
  readonly database: () => DatabaseLoad
  readonly isRedisTrusted: () => boolean
  readonly isTwilioPaused: () => boolean
  readonly hashes: () => { readonly running: number; readonly waiting: number }
  readonly sockets: () => number
  readonly unsealedEvents: () => Promise<Backlog>
  readonly unsentMail: () => Promise<Backlog>
  readonly now: Clock
}

/**
 * Reads everything for Prometheus, the state at this moment among it. What only PostgreSQL knows is NaN while that does not
 * answer, for which nobody waits longer than for any statement.
 */
export const createReadMetrics = (
  { registry, handOver }: Pick<Metrics, 'registry' | 'handOver'>,
  state: ServerState,
): (() => Promise<string>) => {
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name: `gatehouse_${name}`, help, labelNames, registers: [registry] })

  const isReachable = gauge(
    'postgresql_reachable',
    '1 while PostgreSQL answers; 0: every statement is refused at once.',
  )
  const room = gauge('postgresql_pool_room', 'Statements or transactions that a pool runs at once.', 'pool')
  const running = gauge('postgresql_pool_running', 'Statements or transactions under way, by the pool.', 'pool')
  const waiting = gauge('postgresql_pool_waiting', 'Statements or transactions that find the pool full.', 'pool')
  const isTrusted = gauge('redis_trusted', '1 while Redis is in use; 0: PostgreSQL answers in its place.')
  const isPaused = gauge('twilio_paused', '1 while Twilio is given a pause, and text messages fail at once.')
  const hashesRunning = gauge('password_hashes_running', 'Passwords and backup codes that are being hashed.')
  const hashesWaiting = gauge('password_hashes_waiting', 'Passwords and backup codes that wait to be hashed.')
  const sockets = gauge('sockets_open', 'WebSockets that are open.')
  const unsealed = backlogGauges('unsealed_events', 'Security events that are recorded and not sealed yet')
  const unsent = backlogGauges('unsent_mail', 'Messages that wait to be sent')

  function backlogGauges(name: string, what: string) {
    const count = gauge(name, `${what}, on all servers; at most 100,000 are counted.`)
    const age = gauge(`${name}_age_seconds`, `How old the oldest of them is: ${what.toLowerCase()}.`)
    return async (read: () => Promise<Backlog>): Promise<void> => {
      const backlog = await read().catch(() => null)
      const since = backlog?.since ?? state.now()
      count.set(backlog ? backlog.count : Number.NaN)
      age.set(backlog ? Math.max(0, (state.now().getTime() - since.getTime()) / 1000) : Number.NaN)
    }
  }

  return async () => {
    await Promise.all([unsealed(state.unsealedEvents), unsent(state.unsentMail)])
    const database = state.database()
    const hashes = state.hashes()
    isReachable.set(Number(database.isReachable))
    for (const pool of database.pools) {
      room.set({ pool: pool.name }, pool.room)
      running.set({ pool: pool.name }, pool.running)
      waiting.set({ pool: pool.name }, pool.waiting)
    }
    isTrusted.set(Number(state.isRedisTrusted()))
    isPaused.set(Number(state.isTwilioPaused()))
    hashesRunning.set(hashes.running)
    hashesWaiting.set(hashes.waiting)
    sockets.set(state.sockets())
    handOver()
    return registry.metrics()
  }
}
