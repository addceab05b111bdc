import { setTimeout as pause } from 'node:timers/promises'
import { keySlot } from '../../src/redis/key-slot.ts'
import { eventually } from './gatehouse.ts'
import {
  freeClusterPort,
  type RedisServerProcess,
  redisPassword,
  type SentinelProcess,
  startRedisServer,
  startSentinel,
} from './redis-server.ts'

export type Failure = 'killed' | 'frozen'

export interface RedisTopology {
  readonly url: string
  /** Every server, replicas too. */
  readonly servers: readonly RedisServerProcess[]
  /**
   * Kills or freezes the server that keeps what bears this tag, and resolves when another has taken over; where there is
   * no other, when it is back. `restore` thaws what was frozen.
   */
  failOver(tag: string, how: Failure): Promise<{ restore(): void }>
  stop(): Promise<void>
}

export const startSingleRedis = async (): Promise<RedisTopology> => {
  const server = await startRedisServer()
  return {
    url: server.url,
    servers: [server],
    async failOver(_tag, how) {
      await fail(server, how)
      await pause(2_000) // as long as a failover takes
      if (how === 'killed') await server.restart()
      server.thaw()
      return { restore: server.thaw }
    },
    stop: server.stop,
  }
}

const slots = 16_384
const failureMs = 1_000

export interface RedisCluster extends RedisTopology {
  /** The master of a slot, as the cluster was made, and another. */
  mastersFrom(slot: number): [home: RedisServerProcess, away: RedisServerProcess]
}

/** Three masters, each with a replica. */
export const startRedisCluster = async (): Promise<RedisCluster> => {
  const servers: RedisServerProcess[] = []
  for (let count = 0; count < 6; count++) {
    const settings = [
      'cluster-enabled yes',
      `cluster-node-timeout ${failureMs}`,
      'cluster-replica-validity-factor 0', // a replica takes over however old its copy
    ]
    servers.push(await startRedisServer({ port: await freeClusterPort(), settings }))
  }
  const [first, ...others] = servers as [RedisServerProcess, ...RedisServerProcess[]]
  const masters = servers.slice(0, 3)
  const replicas = servers.slice(3)
  for (const [index, node] of servers.entries()) await node.ask('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
  for (const [index, master] of masters.entries()) {
    const [from, to] = [index, index + 1].map((third) => Math.round((third * slots) / 3)) as [number, number]
    await master.ask('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to - 1))
  }
  for (const { port } of others) await first.ask('CLUSTER', 'MEET', '127.0.0.1', String(port))
  for (const node of servers) {
    await eventually(async () => (await node.ask<string>('CLUSTER', 'INFO')).includes('cluster_known_nodes:6'))
  }
  for (const [index, replica] of replicas.entries()) {
    const id = await (masters[index] as RedisServerProcess).ask<string>('CLUSTER', 'MYID')
    await eventually(() =>
      replica.ask('CLUSTER', 'REPLICATE', id).then(
        () => true,
        () => false,
      ),
    )
  }
  for (const replica of replicas) await eventually(async () => (await replica.info('master_link_status')) === 'up')
  for (const node of servers) {
    await eventually(async () => (await node.ask<string>('CLUSTER', 'INFO')).includes('cluster_state:ok'))
  }

  return {
    url: masters.map(({ url }) => url).join(','),
    servers,
    mastersFrom(slot) {
      const index = Math.floor((slot * 3) / slots)
      return [masters[index], masters[(index + 1) % 3]] as [RedisServerProcess, RedisServerProcess]
    },
    async failOver(tag, how) {
      const index = Math.floor((keySlot(`{${tag}}`) * 3) / slots)
      const pair = [masters[index], replicas[index]] as [RedisServerProcess, RedisServerProcess]
      const [lost, next] = (await pair[0].info('role')) === 'master' ? pair : pair.toReversed()
      await fail(lost as RedisServerProcess, how)
      await eventually(async () => (await next?.info('role')) === 'master')
      return { restore: () => lost?.thaw() }
    },
    async stop() {
      await Promise.all(servers.map((server) => server.stop()))
    },
  }
}

export interface RedisSentinels extends RedisTopology {
  readonly sentinels: readonly [SentinelProcess, SentinelProcess, SentinelProcess]
}

/** A master, two replicas, three sentinels. */
export const startRedisSentinels = async (): Promise<RedisSentinels> => {
  const master = await startRedisServer()
  const following = [`replicaof 127.0.0.1 ${master.port}`]
  const replicas = [await startRedisServer({ settings: following }), await startRedisServer({ settings: following })]
  for (const replica of replicas) await eventually(async () => (await replica.info('master_link_status')) === 'up')
  const settings = [
    `sentinel monitor the-master 127.0.0.1 ${master.port} 2`,
    `sentinel auth-pass the-master ${redisPassword}`,
    `sentinel down-after-milliseconds the-master ${failureMs}`,
    'sentinel failover-timeout the-master 1000',
  ]
  const sentinels = [
    await startSentinel(settings),
    await startSentinel(settings),
    await startSentinel(settings),
  ] as const
  for (const sentinel of sentinels) {
    await eventually(async () => {
      const fields = await sentinel.ask<string[]>('SENTINEL', 'MASTER', 'the-master')
      const field = (name: string) => fields[fields.indexOf(name) + 1]
      return field('num-slaves') === '2' && field('num-other-sentinels') === '2'
    })
  }
  const masterPort = async () =>
    (await sentinels[0].ask<string[]>('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'the-master'))[1]
  return {
    url: sentinels.map(({ port }) => `redis-sentinel://:${redisPassword}@127.0.0.1:${port}/the-master`).join(','),
    servers: [master, ...replicas],
    sentinels,
    async failOver(_tag, how) {
      const before = await masterPort()
      const lost = [master, ...replicas].find(({ port }) => String(port) === before) as RedisServerProcess
      await fail(lost, how)
      await eventually(async () => (await masterPort()) !== before)
      return { restore: lost.thaw }
    },
    async stop() {
      await Promise.all([...sentinels, master, ...replicas].map((server) => server.stop()))
    },
  }
}

const fail = async (server: RedisServerProcess, how: Failure): Promise<void> => {
  if (how === 'killed') await server.kill()
  else server.freeze()
}
