import { createClient } from 'redis'
import { withDeadline } from '../lib/deadline.ts'
import { scripts } from './scripts.ts'

/** Beyond it Redis counts as away: PostgreSQL answers in a fiftieth of it, and nobody should wait longer for the copy. */
export const commandDeadlineMs = 250
/** What a Redis must keep to be trusted: half, so that one that is only just quick enough is not taken and lost by turns. */
export const entryDeadlineMs = commandDeadlineMs / 2
const connectDeadlineMs = 500

export type RedisClient = ReturnType<typeof newClient>

/** One master, of which it is known that it takes writes. */
export interface RedisServer {
  readonly client: RedisClient
  /**
   * Begins every key. It names one reign of one run of a server: what was written before a restart, a promotion or a
   * move of slots has another, so that no copy which ends since then may have missed is ever found.
   */
  readonly prefix: string
}

/** A client that never reconnects by itself and sends nothing later: whoever holds it gives it up at the first fault. */
export const newClient = (url: string) =>
  createClient({
    url,
    scripts,
    disableOfflineQueue: true,
    commandOptions: { timeout: 0 }, // the deadline is ours; its own costs an AbortSignal a command
    socket: { connectTimeout: connectDeadlineMs, reconnectStrategy: false },
  })

/** Rejects when the server can not be reached; the client is of no use then. */
export const connect = async (client: RedisClient): Promise<void> => {
  await withDeadline(client.connect(), connectDeadlineMs, 'Redis')
}

/** Asks a server something on a connection that ends with the answer. */
export const visit = async <T>(url: string, ask: (client: RedisClient) => Promise<T>): Promise<T> => {
  const client = newClient(url)
  client.on('error', () => {}) // it rejects what is asked, too
  try {
    await connect(client)
    return await withDeadline(ask(client), entryDeadlineMs, 'Redis')
  } finally {
    client.destroy()
  }
}

/** What a master says of itself. Throws when it is none, or is a node of a cluster that can not be trusted. */
export const inspect = async (client: RedisClient): Promise<{ prefix: string; isClusterNode: boolean }> => {
  const sections = await Promise.all(['server', 'replication', 'cluster'].map((section) => client.info(section)))
  const said = fieldsOf(sections.join('\n'))
  if (said.get('role') !== 'master') throw new Error(`It is a replica (role:${said.get('role')})`)
  const isClusterNode = said.get('cluster_enabled') === '1'
  const cluster = isClusterNode ? fieldsOf(await client.clusterInfo()) : null
  if (cluster && cluster.get('cluster_state') !== 'ok') throw new Error('The cluster is down (cluster_state is not ok)')
  const [run, reign] = ['run_id', 'master_replid'].map((name) => said.get(name)?.slice(0, 8))
  if (!run || !reign) throw new Error('INFO names no run_id and master_replid, which tell old copies from new ones')
  const moves = cluster ? `.${cluster.get('cluster_my_epoch')}` : ''
  return { prefix: `gatehouse:${run}${reign}${moves}`, isClusterNode }
}

/**
 * Throws when the server takes no writes: a replica, one that is out of memory or can't save. `tag` is of one of its slots.
 */
export const proveWritable = async ({ client, prefix }: RedisServer, tag: string): Promise<void> => {
  const probe = client.set(`${prefix}:{${tag}}:probe`, '1', { expiration: { type: 'PX', value: 1_000 } })
  await withDeadline(probe, entryDeadlineMs, 'Redis').catch((problem) => {
    throw new Error(`Redis takes no writes: ${problem.message}`, { cause: problem })
  })
}

const fieldsOf = (info: string): ReadonlyMap<string, string> =>
  new Map([...info.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]))
