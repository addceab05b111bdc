import { afterEach, describe, expect, test } from 'vitest'
import { MeDocument, RevokeSessionDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { startLoad } from '../support/load.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const rounds = 15
const announcementDelayMs = 60 // longer than an answer takes to reach the next request

/** Two servers with paths of their own to Redis; what PostgreSQL tells the second is late. */
const startApart = async () => {
  const redis = await startRedisServer()
  const paths = [await startTcpProxy(redis.url), await startTcpProxy(redis.url)] as const
  const ending = await startGatehouse({ redisUrl: paths[0].url })
  const database = await startTcpProxy(ending.databaseUrl)
  const checking = await startGatehouse({ redisUrl: paths[1].url, databaseUrl: database.url })
  cleanUps.push(redis.stop, ...paths.map((path) => path.close), ending.close, database.close, checking.close)
  cleanUps.push(...[...paths, database].map((path) => path.restore))
  return { paths, database, ending, checking }
}

const redisStateOf = async ({ url }: Gatehouse): Promise<string> =>
  ((await (await fetch(`${url}/readyz`)).json()) as { components: { redis: string } }).components.redis

describe.each([
  { who: 'the server that ends it', cut: [true, false] },
  { who: 'the server that is asked for it', cut: [false, true] },
  { who: 'either server', cut: [true, true] },
  { who: 'neither server', cut: [false, false] },
])('a session that is ended while Redis is out of reach for $who', ({ who, cut }) => {
  test('opens nothing to any request that starts after the answer, on any server', async () => {
    const { paths, database, ending, checking } = await startApart()
    const user = await ending.createUser()
    const keeper = await ending.signedInAs(user)
    for (const [index, isCut] of cut.entries()) if (isCut) paths[index]?.cut()
    for (const [index, server] of [ending, checking].entries()) {
      await eventually(async () => (await redisStateOf(server)) === (cut[index] ? 'down' : 'up'))
    }
    database.delay(announcementDelayMs)

    const times: number[] = []
    const successes: number[] = []
    let refusals = 0
    for (let round = 0; round < rounds; round++) {
      const { token, sessionId } = await ending.signedInAs(user)
      const loads = [ending, checking].map((server) => {
        const client = server.clientWith(token)
        return startLoad(4, () => client.send(MeDocument, {}), 15)
      })
      await eventually(() => loads.every(({ samples }) => samples.some(({ outcome }) => outcome === 'OK')))
      const asked = performance.now()
      await keeper.ask(RevokeSessionDocument, { id: sessionId })
      const answered = performance.now()
      times.push(answered - asked)
      await eventually(() => loads.every(({ samples }) => samples.filter((it) => it.sentAt > answered).length >= 8))
      const later = (await Promise.all(loads.map((load) => load.stop()))).flat().filter((it) => it.sentAt > answered)
      refusals += later.filter(({ outcome }) => outcome === 'SESSION_ENDED').length
      successes.push(...later.filter(({ outcome }) => outcome !== 'SESSION_ENDED').map((it) => it.sentAt - answered))
    }
    const slowest = Math.max(...times)
    console.info(`${who} cut off: ${refusals} refusals after ${rounds} ends; slowest end ${slowest.toFixed()} ms`)
    expect(successes).toEqual([])
    expect(refusals).toBeGreaterThan(rounds * 8)
    expect(slowest).toBeLessThan(3_000)
  })
})
