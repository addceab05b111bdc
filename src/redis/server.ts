import { createClient } from 'redis'
import { withDeadline } from '../lib/deadline.ts'
import { scripts } from './scripts.ts'

/**
 * Beyond it Redis counts as away. Fifty times what it needs on a bad day, and still so short that whoever waits for it in
 * vain hardly notices: PostgreSQL answers next.
 */
export const commandDeadlineMs = 250
/** Within it a Redis must answer to be trusted: less, so that one that is only just quick enough is not taken and lost by turns. */
export const entryDeadlineMs = 200
const connectDeadlineMs = 500

export type RedisClient = ReturnType<typeof newClient>

/** One master, of which it is known that it takes writes. */
export interface RedisServer {
  readonly client: RedisClient
  /**
   * Begins every key. It names one reign of one run of a server, in one epoch of PostgreSQL: what was written before a restart,
   * a promotion, a move of slots or a restore has another, so that no copy which ends since then may have missed is ever found.
   */
  readonly prefix: string
  /** Of the keys that this server keeps, in a cluster too. */
  readonly tag: string
  /** Rejects when that reign is over. */
  confirm(): Promise<void>
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

/** Asks a server something on a connection that ends with the answer. Rejects when all of it takes longer than entry may. */
export const visit = async <T>(url: string, ask: (client: RedisClient) => Promise<T>): Promise<T> => {
  const client = newClient(url)
  client.on('error', () => {}) // it rejects what is asked, too
  try {
    return await withDeadline(
      client.connect().then(() => ask(client)),
      entryDeadlineMs,
      'Redis',
    )
  } finally {
    client.destroy()
  }
}

/** What tells this reign of this master from any other. Throws when it is no master, or not of the kind that was meant. */
export const inspect = async (client: RedisClient, kind: 'single' | 'cluster', epoch: string): Promise<string> => {
  const sections = await Promise.all(['server', 'replication', 'cluster'].map((section) => client.info(section)))
  const said = fieldsOf(sections.join('\n'))
  if (kind === 'single' && said.get('cluster_enabled') === '1')
    throw new Error('It is a node of a Redis Cluster: REDIS_URL must list several of its nodes, separated by commas')
  if (said.get('role') !== 'master') throw new Error(`It is a replica (role:${said.get('role')})`)
  const cluster = kind === 'cluster' ? fieldsOf(await client.clusterInfo()) : null
  if (cluster && cluster.get('cluster_state') !== 'ok') throw new Error('The cluster is down (cluster_state is not ok)')
  const [run, reign] = ['run_id', 'master_replid'].map((name) => said.get(name)?.slice(0, 8))
  if (!run || !reign) throw new Error('INFO names no run_id and master_replid, which tell old copies from new ones')
  return `gatehouse:${run}${reign}${cluster ? `.${cluster.get('cluster_my_epoch')}` : ''}${epoch && `.${epoch}`}`
}

/** Rejects when the server takes no writes: a replica, one that is out of memory or can't save. */
export const proveWritable = async ({
  client,
  prefix,
  tag,
}: Pick<RedisServer, 'client' | 'prefix' | 'tag'>): Promise<void> => {
  await client.set(`${prefix}:{${tag}}:probe`, '1', { expiration: { type: 'PX', value: 1_000 } })
}

const fieldsOf = (info: string): ReadonlyMap<string, string> =>
  new Map([...info.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]))
