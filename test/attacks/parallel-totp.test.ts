import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import { ListSessionsDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { startGatehouseProcess } from '../support/gatehouse-process.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { answerChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

const many = 50

let gatehouse: Gatehouse
let processes: Awaited<ReturnType<typeof startGatehouseProcess>>[]
beforeAll(async () => {
  gatehouse = await startGatehouse()
  processes = await atOnce(2, [gatehouse.databaseUrl], (url) => startGatehouseProcess(url))
})
afterAll(async () => {
  expect(await Promise.all(processes.map((server) => server.end()))).toEqual([0, 0])
  await gatehouse.close()
})

type Answers = Awaited<ReturnType<typeof answerChallenge>>[]

const expectOneSession = async (user: { id: string }, answers: Answers) => {
  const tokens = answers.flatMap(({ data }) =>
    data?.verifyMfa.__typename === 'SignedIn' ? [data.verifyMfa.sessionToken] : [],
  )
  expect(tokens).toHaveLength(1)
  const { listSessions } = await gatehouse.clientWith(tokens[0] as string).ask(ListSessionsDocument, {})
  expect(listSessions).toMatchObject([{ current: true, authenticationMethods: ['PASSWORD', 'TOTP'] }])

  const {
    OK: succeeded,
    MFA_CODE_INVALID: failed = 0,
    CHALLENGE_EXPIRED: late = 0,
    ACCOUNT_LOCKED: locked = 0,
  } = tally(answers)
  expect(failed).toBeLessThanOrEqual(10)
  expect({ succeeded, sum: 1 + failed + late + locked }).toEqual({ succeeded: 1, sum: answers.length })
  expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({
    MFA_SUCCEEDED: 1,
    LOGIN_SUCCEEDED: 1,
    SESSION_CREATED: 1,
    ...(failed > 0 && { MFA_FAILED: failed }),
  })
}

describe.each([
  { spread: 'one challenge on one process', challenges: 1, servers: 1 },
  { spread: 'one challenge on two processes', challenges: 1, servers: 2 },
  { spread: `${many} challenges on one process`, challenges: many, servers: 1 },
  { spread: `${many} challenges on two processes`, challenges: many, servers: 2 },
])('A3: of one code sent 50 times at once, $spread,', ({ challenges, servers }) => {
  test('one makes one session', async () => {
    const user = await gatehouse.createUser()
    const seed = await gatehouse.giveTotp(user)
    const doors = processes.slice(0, servers).map(({ anonymous }) => anonymous)
    const ids = await atOnce(challenges, doors, (door) => loginChallenge(door, user))
    const code = totpCode(seed, new Date())

    const answers = await atOnce(many, doors, (door, turn) =>
      answerChallenge(door, ids[turn % challenges] as string, code),
    )
    await expectOneSession(user, answers)
    for (const { url, output } of processes) {
      await expectUnharmed({ url, logs: output, sql: gatehouse.sql }, { secrets: [code, seed], answers })
    }
  })
})

test('A3: of one code sent at once to servers on both sides of a step boundary, one makes one session', async () => {
  const next = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
  try {
    next.advanceClock(30)
    const user = await gatehouse.createUser()
    const seed = await gatehouse.giveTotp(user)
    const doors = [gatehouse.anonymous, next.anonymous]
    const ids = await atOnce(many, doors, (door) => loginChallenge(door, user))
    const code = totpCode(seed, gatehouse.now())
    const answers = await atOnce(many, doors, (door, turn) => answerChallenge(door, ids[turn] as string, code))
    await expectOneSession(user, answers)
  } finally {
    await next.close()
  }
})
