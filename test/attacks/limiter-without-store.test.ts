import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import { LoginDocument, RequestStepUpDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { answerChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode, wrongTotpCodes } from '../support/totp.ts'

const reauthenticate = 'mutation ($password: String!) { reauthenticate(password: $password) { sessionToken } }'
const wrongPassword = 'none of the right passphrases'

type OwnRedis = Awaited<ReturnType<typeof startRedisServer>>

const redisStateOf = async ({ url }: Gatehouse): Promise<string> => {
  const { components } = (await (await fetch(`${url}/readyz`)).json()) as { components: { redis: string } }
  return components.redis
}

describe.each([
  { state: 'absent', lose: null },
  { state: 'killed', lose: (redis: OwnRedis) => redis.kill() },
  { state: 'frozen', lose: async (redis: OwnRedis) => redis.freeze() },
])('A15: with Redis $state', ({ lose }) => {
  let redis: OwnRedis | undefined
  let servers: Gatehouse[]
  let gatehouse: Gatehouse
  beforeAll(async () => {
    redis = lose ? await startRedisServer() : undefined
    const redisUrl = redis?.url ?? null
    gatehouse = await startGatehouse({ redisUrl })
    servers = [gatehouse, await startGatehouse({ databaseUrl: gatehouse.databaseUrl, redisUrl })]
    if (!redis) return
    await gatehouse.anonymous.send(LoginDocument, { input: { email: 'warm@example.com', password: wrongPassword } })
    await lose?.(redis)
    for (const server of servers) await eventually(async () => (await redisStateOf(server)) !== 'up')
    for (const { logs } of servers) logs.length = 0 // that Redis is lost is an error, and not of the attack's making
  })
  afterAll(async () => {
    for (const server of servers.toReversed()) await server.close()
    await redis?.stop()
  })

  test('of 60 wrong codes at once over two servers ten are looked at, at sign-in and step-up together', async () => {
    const user = await gatehouse.createUser()
    const seed = await gatehouse.giveTotp(user)
    const { token } = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'])
    const logins = await atOnce(8, servers, (server) => loginChallenge(server.anonymous, user))
    const stepUps = await atOnce(4, servers, async (server) => {
      const { requestStepUp } = await server.clientWith(token).ask(RequestStepUpDocument, {})
      return requestStepUp.id
    })
    const doors = [...logins, ...stepUps]
    const codes = wrongTotpCodes(seed, gatehouse.now(), 60)
    const answers = await atOnce(60, servers, (server, turn) =>
      answerChallenge(server.clientWith(token), doors[turn % doors.length] as string, codes[turn] as string),
    )
    const { MFA_CODE_INVALID: looked, ...rest } = tally(answers)
    expect({
      looked,
      unknown: Object.keys(rest).filter((code) => code !== 'ACCOUNT_LOCKED' && code !== 'CHALLENGE_EXPIRED'),
    }).toEqual({ looked: 10, unknown: [] })
    const id = await loginChallenge(gatehouse.anonymous, user)
    const right = await answerChallenge(gatehouse.anonymous, id, totpCode(seed, gatehouse.now()))
    expect(right.errors?.[0]?.extensions.code).toBe('ACCOUNT_LOCKED')
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ MFA_FAILED: 10, ACCOUNT_LOCKED: 1 })
    await expectUnharmed(gatehouse, { secrets: [seed], answers })
  })

  test('of 40 wrong passwords at once over two servers ten are looked at, at sign-in', async () => {
    const user = await gatehouse.createUser()
    const input = { email: user.email, password: wrongPassword }
    const answers = await atOnce(40, servers, ({ anonymous }) => anonymous.send(LoginDocument, { input }))
    expect(tally(answers)).toEqual({ INVALID_CREDENTIALS: 10, ACCOUNT_LOCKED: 30 })
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ LOGIN_FAILED: 10, ACCOUNT_LOCKED: 1 })
  })

  test('of 40 wrong passwords at once over two servers ten are looked at, at step-up', async () => {
    const user = await gatehouse.createUser()
    const { token } = await gatehouse.signedInAs(user)
    const answers = await atOnce(40, servers, (server) =>
      server.clientWith(token).sendText(reauthenticate, { password: wrongPassword }),
    )
    expect(tally(answers)).toEqual({ INVALID_CREDENTIALS: 10, ACCOUNT_LOCKED: 30 })
  })
})

test('A15: what was counted holds while Redis is lost, and after it came back empty', async () => {
  const redis = await startRedisServer()
  const gatehouse = await startGatehouse({ redisUrl: redis.url })
  try {
    const { anonymous } = gatehouse
    const user = await gatehouse.createUser()
    const seed = await gatehouse.giveTotp(user)
    const guess = async (count: number) => {
      const id = await loginChallenge(anonymous, user)
      const answers = []
      for (const code of wrongTotpCodes(seed, gatehouse.now(), count))
        answers.push(await answerChallenge(anonymous, id, code))
      return tally(answers)
    }
    expect(await guess(5)).toEqual({ MFA_CODE_INVALID: 5 })
    await redis.kill()
    await eventually(async () => (await redisStateOf(gatehouse)) === 'down')
    expect(await guess(3)).toEqual({ MFA_CODE_INVALID: 3 })
    await redis.restart()
    await eventually(async () => (await redisStateOf(gatehouse)) === 'up')
    expect(await guess(5)).toEqual({ MFA_CODE_INVALID: 2, ACCOUNT_LOCKED: 3 })
  } finally {
    await gatehouse.close()
    await redis.stop()
  }
})
