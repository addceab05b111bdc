import { withDeadline } from '../lib/deadline.ts'
import { movedTo, type RedisAddress } from '../lib/redis-address.ts'
import { keySlot, slotCount } from './key-slot.ts'
import { entryDeadlineMs, inspect, proveWritable, type RedisClient, type RedisServer, visit } from './server.ts'

/** Every master of the Redis in use. */
export interface RedisConnection {
  readonly servers: readonly RedisServer[]
  /** The server of all keys that have this tag in braces; its prefix begins each of them. */
  serverOf(tag: string): RedisServer
}

/** All masters, each asked, probed and ready. */
export interface Topology extends RedisConnection {
  /** Rejects when another server is, or may be, the master by now. */
  confirm(): Promise<void>
}

/** Opens a client that the caller destroys when anything fails. */
type Dial = (url: string) => Promise<RedisClient>

type Kind = 'single' | 'cluster'

/** Says, at any time, which epoch of PostgreSQL it is. */
type Epoch = () => string

const mostSilentMs = 3_000 // sooner than sentinels replace a master that they miss

/** Finds the masters at an address and opens each. Rejects with what an operator must know when one can't be trusted. */
export const openTopology = (address: RedisAddress, dial: Dial, epoch: Epoch): Promise<Topology> => {
  switch (address.kind) {
    case 'single':
      return openSingle(address.url, dial, epoch)
    case 'cluster':
      return openCluster(address.urls, dial, epoch)
    case 'sentinel':
      return openWatched(address, dial, epoch)
  }
}

const openSingle = async (url: string, dial: Dial, epoch: Epoch): Promise<Topology> => {
  const server = await open(url, dial, epoch, 'single', 'any')
  return { servers: [server], serverOf: () => server, confirm: server.confirm }
}

const openWatched = async (
  { sentinels, master, server: template }: RedisAddress & { kind: 'sentinel' },
  dial: Dial,
  epoch: Epoch,
): Promise<Topology> => {
  const whereIs = () => askSentinels(sentinels, master)
  const where = await whereIs()
  const single = await openSingle(movedTo(template, where), dial, epoch)
  let answeredAt = performance.now()
  const confirmPlace = async (): Promise<void> => {
    const asked = performance.now()
    const named = await whereIs().catch((problem) => {
      if (asked - answeredAt > mostSilentMs) throw problem
    })
    if (!named) return
    answeredAt = asked
    if (named.host !== where.host || named.port !== where.port)
      throw new Error(`The sentinels name another master: ${named.host}:${named.port}`)
  }
  return {
    ...single,
    async confirm() {
      await Promise.all([single.confirm(), confirmPlace()])
    },
  }
}

interface Place {
  readonly host: string
  readonly port: number
}

/**
 * The master that more than half of all sentinels name: fewer may stand on the losing side of a split. Resolves as soon as
 * so many do, whatever the others are at; rejects when they don't.
 */
const askSentinels = (sentinels: readonly string[], master: string): Promise<Place> =>
  new Promise((resolve, reject) => {
    const votes = new Map<string, number>()
    const poll = async (url: string): Promise<void> => {
      const named = await visit(url, (client) =>
        client.sendCommand<[host: string, port: string] | null>(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master]),
      )
      if (!named) throw new Error(`It knows no master "${master}"`)
      const [host, port] = named
      const count = (votes.get(named.join(' ')) ?? 0) + 1
      votes.set(named.join(' '), count)
      if (count > sentinels.length / 2) resolve({ host, port: Number(port) })
    }
    void Promise.allSettled(sentinels.map(poll)).then((polls) => {
      const failed = polls.find((result) => result.status === 'rejected')
      reject(new Error(`Too few sentinels name the same master "${master}"`, { cause: failed?.reason }))
    })
  })

const openCluster = async (urls: readonly [string, ...string[]], dial: Dial, epoch: Epoch): Promise<Topology> => {
  const ranges = await Promise.any(urls.map(askNode)).catch((problem: AggregateError) => {
    throw new Error('No node of the cluster answers as it must', { cause: problem.errors[0] })
  })
  const byUrl = Map.groupBy(ranges, ({ place }) => movedTo(urls[0], place))
  const bySlot: RedisServer[] = Array(slotCount)
  const servers = await Promise.all(
    [...byUrl].map(async ([url, own]) => {
      const server = await open(url, dial, epoch, 'cluster', tagInside(own))
      for (const { from, to } of own) bySlot.fill(server, from, to + 1)
      return server
    }),
  )
  if (bySlot.findIndex((server) => !server) >= 0) throw new Error('The cluster does not serve all of its slots')
  return {
    servers,
    serverOf: (tag) => bySlot[keySlot(`{${tag}}`)] as RedisServer,
    async confirm() {
      await Promise.all(servers.map((server) => server.confirm()))
    },
  }
}

interface SlotRange {
  readonly from: number
  readonly to: number
  readonly place: Place
}

type SlotsReply = [from: number, to: number, master: [host: string | null, port: number, ...rest: unknown[]]][]

/** Which master serves which slots, as one node has it. */
const askNode = (url: string): Promise<SlotRange[]> =>
  visit(url, async (client) => {
    const { hostname, host: where } = new URL(url)
    const [state, slots] = await Promise.all([
      client.clusterInfo(),
      client.sendCommand<SlotsReply>(['CLUSTER', 'SLOTS']),
    ]).catch((problem: Error) => {
      throw new Error(`${where} can not be asked as a node of a Redis Cluster: ${problem.message}`)
    })
    if (!state.includes('cluster_state:ok')) throw new Error(`${where} says that the cluster is down`)
    return slots.map(([from, to, [host, port]]) => ({ from, to, place: { host: host || hostname, port } }))
  })

/** Any tag whose keys lie in one of these ranges. */
const tagInside = (ranges: readonly SlotRange[]): string => {
  for (let number = 0; ; number++) {
    const slot = keySlot(String(number))
    if (ranges.some(({ from, to }) => from <= slot && slot <= to)) return String(number)
  }
}

/** `tag` is of a slot that this server serves. */
const open = async (url: string, dial: Dial, epoch: Epoch, kind: Kind, tag: string): Promise<RedisServer> => {
  const client = await dial(url)
  try {
    const prefix = await withDeadline(inspect(client, kind, epoch()), entryDeadlineMs, 'Redis')
    await withDeadline(proveWritable({ client, prefix, tag }), entryDeadlineMs, 'Redis')
    return {
      client,
      prefix,
      tag,
      async confirm() {
        if ((await inspect(client, kind, epoch())) !== prefix)
          throw new Error('Redis was promoted or given other slots, or PostgreSQL was restored')
      },
    }
  } catch (problem) {
    const reason = problem instanceof Error ? problem.message : String(problem)
    throw new Error(`${new URL(url).host} can not be trusted: ${reason}`, { cause: problem })
  }
}
