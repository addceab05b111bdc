import { afterEach, describe, expect, test } from 'vitest'
import {
  ChangeEmailDocument,
  MeDocument,
  RevokeSessionDocument,
  SetUserRoleDocument,
  UsersDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { startLoad } from '../support/load.ts'
import { confirmEmail, freshlyProved, newestTokenTo } from '../support/recovery.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { roundsOf } from '../support/rounds.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const rounds = roundsOf(5)
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
        return startLoad(4, () => client.send(MeDocument, {}), 50)
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

describe('a user who changes', () => {
  const changeEmail = async ({ ending, checking }: Awaited<ReturnType<typeof startApart>>, begin: () => unknown) => {
    const user = await ending.createUser()
    const session = await freshlyProved(ending, user)
    for (const server of [ending, checking]) await server.clientWith(session.token).ask(MeDocument, {})
    const newEmail = `new-${user.email}`
    await session.ask(ChangeEmailDocument, { newEmail })
    const mailToken = await newestTokenTo(ending, newEmail)
    await begin()
    const { errors } = await confirmEmail(ending.anonymous, mailToken)
    expect(errors).toBeUndefined()
    return async () => {
      for (const server of [ending, checking]) {
        expect((await server.clientWith(session.token).ask(MeDocument, {})).me.email).toBe(newEmail)
      }
    }
  }

  test('while Redis is out of reach for the server that changes it, is who they are now on every server', async () => {
    const them = await startApart()
    const expectChanged = await changeEmail(them, async () => {
      them.paths[0].cut()
      await eventually(async () => (await redisStateOf(them.ending)) === 'down')
    })
    await expectChanged()
    them.paths[0].restore()
    await eventually(async () => (await redisStateOf(them.ending)) === 'up')
    await expectChanged()
  })

  test('while Redis is frozen, is who they are now when it returns', async () => {
    const them = await startApart()
    const expectChanged = await changeEmail(them, () => {
      for (const path of them.paths) path.pause()
    })
    await expectChanged()
    for (const path of them.paths) path.restore()
    for (const server of [them.ending, them.checking]) {
      await eventually(async () => (await redisStateOf(server)) === 'up')
    }
    await expectChanged()
  })
})

describe.each([
  { who: 'the server that takes the role', cut: [true, false] },
  { who: 'either server', cut: [true, true] },
])('an administrator who loses the role while Redis is out of reach for $who', ({ cut }) => {
  test('reads nobody from the answer on, on any server, also once Redis is back', async () => {
    const { paths, ending, checking } = await startApart()
    const user = await ending.createUser({ role: 'ADMIN' })
    const session = await ending.signedInAs(user)
    const admin = await freshlyProved(ending, await ending.createUser({ role: 'ADMIN' }))
    const doors = [ending, checking].map((server) => server.clientWith(session.token))
    for (const door of doors) await door.ask(UsersDocument, {})
    for (const [index, isCut] of cut.entries()) if (isCut) paths[index]?.cut()
    await eventually(async () => (await redisStateOf(ending)) === 'down')

    await admin.ask(SetUserRoleDocument, { id: user.id, role: 'USER' })
    const expectRefused = async () => {
      for (const door of doors) {
        expect((await door.refused(UsersDocument, {})).extensions.code).toBe('SESSION_ENDED')
      }
      const anew = await ending.signedInAs(user)
      for (const server of [ending, checking]) {
        const code = (await server.clientWith(anew.token).refused(UsersDocument, {})).extensions.code
        expect(code).toBe('FORBIDDEN')
      }
    }
    await expectRefused()
    for (const path of paths) path.restore()
    for (const server of [ending, checking]) await eventually(async () => (await redisStateOf(server)) === 'up')
    await expectRefused()
  })
})
