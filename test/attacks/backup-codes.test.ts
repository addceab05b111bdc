import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import type { Answer, Client } from '../support/client.ts'
import {
  MyMfaDocument,
  RegenerateBackupCodesDocument,
  RequestStepUpDocument,
  VerifyMfaDocument,
  type VerifyMfaMutation,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, type TestUser, testKeys } from '../support/gatehouse.ts'
import { startGatehouseProcess } from '../support/gatehouse-process.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { roundsOf } from '../support/rounds.ts'
import { answerChallenge, beginPhoneEnrolment, completeChallenge, loginChallenge } from '../support/second-factor.ts'

const many = 50

let gatehouse: Gatehouse
let other: Gatehouse
let processes: Awaited<ReturnType<typeof startGatehouseProcess>>[]
beforeAll(async () => {
  gatehouse = await startGatehouse()
  other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
  processes = await atOnce(2, [gatehouse.databaseUrl], (url) => startGatehouseProcess(url))
})
afterAll(async () => {
  expect(await Promise.all(processes.map((server) => server.end()))).toEqual([0, 0])
  await other.close()
  await gatehouse.close()
})

const inFiveMinutes = () => new Date(gatehouse.now().getTime() + 300_000)

/** A user with an authenticator app and ten backup codes. */
const holder = async () => {
  const user = await gatehouse.createUser()
  await gatehouse.giveTotp(user)
  const codes = await gatehouse.giveBackupCodes(user)
  return { user, codes, code: (slot: number) => codes[slot] as string }
}

const remainingOf = async (user: TestUser): Promise<number> => {
  const session = await gatehouse.signedInAs(user)
  return (await session.ask(MyMfaDocument, {})).me.mfa.backupCodesRemaining
}

const remainingInEvents = async (user: TestUser) =>
  (await historyOf(gatehouse, user))
    .filter(({ type }) => type === 'BACKUP_CODE_USED')
    .map(({ details }) => details.remaining)

interface Door {
  readonly anonymous: Client
  clientWith(token: string): Client
}

type Act = (server: Door, user: TestUser) => Promise<[Client, string]>

const atLogin: Act = async ({ anonymous }, user) => [anonymous, await loginChallenge(anonymous, user)]

const atStepUp: Act = async ({ clientWith }, user) => {
  const session = clientWith((await gatehouse.signedInAs(user)).token)
  return [session, (await session.ask(RequestStepUpDocument, {})).requestStepUp.id]
}

const acts: [string, Act, 'SignedIn' | 'SteppedUp'][] = [
  ['at login', atLogin, 'SignedIn'],
  ['at step-up', atStepUp, 'SteppedUp'],
]

/** That a code opens nothing, whatever it is tried at, on any server. */
const expectDead = async (user: TestUser, code: string, servers: readonly Door[] = [gatehouse, other]) => {
  for (const server of servers) {
    for (const [, open] of acts) {
      const [client, challengeId] = await open(server, user)
      const { extensions } = await client.refused(VerifyMfaDocument, { input: { challengeId, code } })
      expect(extensions).toEqual({ code: 'MFA_CODE_INVALID', attemptsRemaining: expect.any(Number) })
    }
  }
}

const spellings: [string, number, (code: string) => string][] = [
  ['as it was printed', 2, (code) => code],
  ['in lower case', 3, (code) => code.toLowerCase()],
  ['without dashes', 4, (code) => code.replaceAll('-', '')],
  ['with spaces for dashes', 5, (code) => ` ${code.replaceAll('-', ' ')} `],
  ['with O for 0', 0, (code) => code.replaceAll('0', 'O')],
  ['with o for 0', 0, (code) => code.replaceAll('0', 'o')],
  ['with I for 1', 1, (code) => code.replaceAll('1', 'I')],
  [
    'with l for 1, in lower case and without dashes',
    1,
    (code) => code.toLowerCase().replace(/1/g, 'l').replace(/-/g, ''),
  ],
]

describe.each(acts)('A20: %s', (_when, open, result) => {
  const someSpellings = open === acts[0]?.[1] ? spellings : spellings.slice(0, 1) // they are read in one place
  test.each(someSpellings)('a backup code typed %s works once', async (_how, slot, spell) => {
    const { user, code } = await holder()
    const [client, challengeId] = await open(gatehouse, user)
    await completeChallenge(client, challengeId, spell(code(slot)), result)
    expect(await remainingOf(user)).toBe(9)
    expect(await remainingInEvents(user)).toEqual([9])

    await expectDead(user, spell(code(slot)))
    expect(await remainingOf(user)).toBe(9)
    await expectUnharmed(gatehouse, { secrets: [code(slot), user.password] })
  })

  test('the same code is refused at the challenge that it completed', async () => {
    const { user, code } = await holder()
    const [client, challengeId] = await open(gatehouse, user)
    const first = await client.ask(VerifyMfaDocument, { input: { challengeId, code: code(0) } })
    const renewed =
      first.verifyMfa.__typename === 'SteppedUp' ? gatehouse.clientWith(first.verifyMfa.sessionToken) : client
    expect(tally([await answerChallenge(renewed, challengeId, code(0))])).toEqual({ CHALLENGE_EXPIRED: 1 })
    expect(await remainingInEvents(user)).toEqual([9])
  })
})

test('A20: a used backup code is dead after a restart, with and without Redis', async () => {
  const { user, code } = await holder()
  const before = await startGatehouseProcess(gatehouse.databaseUrl)
  await completeChallenge(before.anonymous, await loginChallenge(before.anonymous, user), code(7), 'SignedIn')
  await before.end()

  const restarted = await startGatehouseProcess(gatehouse.databaseUrl)
  const withoutRedis = await startGatehouse({ databaseUrl: gatehouse.databaseUrl, redisUrl: null })
  try {
    await expectDead(user, code(7), [restarted, withoutRedis])
    expect(await remainingInEvents(user)).toEqual([9])
  } finally {
    await withoutRedis.close()
    await restarted.end()
  }
})

test('A20: a new set voids every code of the old one, used or not, and is whole', async () => {
  const { user, code } = await holder()
  await completeChallenge(gatehouse.anonymous, await loginChallenge(gatehouse.anonymous, user), code(0), 'SignedIn')
  const session = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], inFiveMinutes())
  const { regenerateBackupCodes } = await session.ask(RegenerateBackupCodesDocument, {})
  expect(regenerateBackupCodes.codes).toHaveLength(10)
  expect(await remainingOf(user)).toBe(10)

  await expectDead(user, code(0))
  await expectDead(user, code(1))
  const [fresh = ''] = regenerateBackupCodes.codes
  await completeChallenge(other.anonymous, await loginChallenge(other.anonymous, user), fresh, 'SignedIn')
  expect(await remainingInEvents(user)).toEqual([9, 9])
  await expectUnharmed(gatehouse, { secrets: [...regenerateBackupCodes.codes, code(0), code(1)] })
})

test('A20: a challenge opened before the new set takes its codes only', async () => {
  const { user, code } = await holder()
  const challengeId = await loginChallenge(gatehouse.anonymous, user)
  const session = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], inFiveMinutes())
  const { codes } = (await session.ask(RegenerateBackupCodesDocument, {})).regenerateBackupCodes
  expect(tally([await answerChallenge(gatehouse.anonymous, challengeId, code(3))])).toEqual({ MFA_CODE_INVALID: 1 })
  await completeChallenge(gatehouse.anonymous, challengeId, codes[3] as string, 'SignedIn')
})

test('A20: of a code used and a new set made at once, the new set is whole', async () => {
  for (let round = 0; round < roundsOf(2); round++) {
    const { user, code } = await holder()
    const challengeId = await loginChallenge(other.anonymous, user)
    const session = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], inFiveMinutes())
    const [{ regenerateBackupCodes }] = await Promise.all([
      session.ask(RegenerateBackupCodesDocument, {}),
      answerChallenge(other.anonymous, challengeId, code(9)),
    ])
    expect(await remainingOf(user)).toBe(10)
    expect(regenerateBackupCodes.codes).toHaveLength(10)
    await expectDead(user, code(9), [gatehouse])
  }
})

test("A20: someone else's backup code is refused, and stays good for its owner", async () => {
  const [mallory, alice] = [await holder(), await holder()]
  await expectDead(mallory.user, alice.code(4), [gatehouse])
  expect(await remainingOf(alice.user)).toBe(10)
  const { anonymous } = gatehouse
  await completeChallenge(anonymous, await loginChallenge(anonymous, alice.user), alice.code(4), 'SignedIn')
})

test('A20: a backup code puts no factor in force, and is not used up by the try', async () => {
  const { user, code } = await holder()
  const session = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], inFiveMinutes())
  const { challenge, factor } = await beginPhoneEnrolment(session, '+14155550123')
  expect(challenge.methods).toEqual(['SMS'])
  for (const method of [null, 'BACKUP_CODE'] as const) {
    const input = { challengeId: challenge.id, code: code(6), method }
    expect((await session.refused(VerifyMfaDocument, { input })).extensions.code).toBe('MFA_CODE_INVALID')
  }
  const { factors, backupCodesRemaining } = (await session.ask(MyMfaDocument, {})).me.mfa
  expect(factors.find(({ id }) => id === factor.id)?.status).toBe('PENDING')
  expect(backupCodesRemaining).toBe(10)
  expect(countTypes(await historyOf(gatehouse, user))).not.toHaveProperty('BACKUP_CODE_USED')
  await completeChallenge(gatehouse.anonymous, await loginChallenge(gatehouse.anonymous, user), code(6), 'SignedIn')
})

type Answers = Answer<VerifyMfaMutation>[]

const expectOneUse = async (user: TestUser, answers: Answers) => {
  const { OK: succeeded, ...refused } = tally(answers)
  expect(succeeded).toBe(1)
  const known = ['MFA_CODE_INVALID', 'CHALLENGE_EXPIRED', 'ACCOUNT_LOCKED', 'UNAUTHENTICATED']
  expect(Object.keys(refused).filter((outcome) => !known.includes(outcome))).toEqual([])
  expect(refused.MFA_CODE_INVALID ?? 0).toBeLessThanOrEqual(10)
  expect(await remainingInEvents(user)).toEqual([9])
  expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ MFA_SUCCEEDED: 1, BACKUP_CODE_USED: 1 })
  expect(await remainingOf(user)).toBe(9)
}

const rounds = Array.from({ length: roundsOf(2) }, (_none, round) => round)

describe(`A21: of ${many} uses of one backup code at once, over two processes,`, () => {
  const doors = () => processes.map(({ anonymous }) => anonymous)

  test.each(rounds)('one makes a session (round %i)', async (round) => {
    const { user, code } = await holder()
    const ids = await atOnce(10, doors(), (door) => loginChallenge(door, user))
    const answers = await atOnce(many, doors(), (door, turn) =>
      answerChallenge(door, ids[turn % ids.length] as string, code(round % 10)),
    )
    await expectOneUse(user, answers)
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ LOGIN_SUCCEEDED: 1, SESSION_CREATED: 1 })
    for (const { url, output } of processes) {
      await expectUnharmed({ url, logs: output, sql: gatehouse.sql }, { secrets: [code(round % 10)], answers })
    }
  })

  test('one counts, at one challenge', async () => {
    const { user, code } = await holder()
    const challengeId = await loginChallenge(gatehouse.anonymous, user)
    await expectOneUse(user, await atOnce(many, doors(), (door) => answerChallenge(door, challengeId, code(5))))
  })

  test('one counts, at logins and step-ups mixed', async () => {
    for (let round = 0; round < roundsOf(2); round++) {
      const { user, code } = await holder()
      const opened = await atOnce(10, processes, (server, turn) => (turn % 4 < 2 ? atLogin : atStepUp)(server, user))
      const answers = await atOnce(many, opened, ([client, id]) => answerChallenge(client, id, code(8)))
      await expectOneUse(user, answers)
    }
  })
})

describe.each(acts)('A21: %s', (_when, open) => {
  test('ten different backup codes at once are ten successes, and none is left', async () => {
    for (let round = 0; round < roundsOf(2); round++) {
      const { user, codes } = await holder()
      const opened = await atOnce(10, processes, (server) => open(server, user))
      const answers = await atOnce(10, opened, ([client, id], slot) =>
        answerChallenge(client, id, codes[slot] as string),
      )
      expect(tally(answers)).toEqual({ OK: 10 })
      expect(await remainingOf(user)).toBe(0)
      expect((await remainingInEvents(user)).map(Number).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      const next = await gatehouse.anonymous.refused(VerifyMfaDocument, {
        input: { challengeId: await loginChallenge(gatehouse.anonymous, user), code: codes[0] as string },
      })
      expect(next.extensions).toEqual({ code: 'MFA_CODE_INVALID', attemptsRemaining: 4 })
    }
  })
})

test('A23: after one backup code is used each of the others works, once, and the count is exact', async () => {
  const { user, codes } = await holder()
  for (const [slot, code] of codes.entries()) {
    const [client, challengeId] = await (slot % 2 ? atStepUp : atLogin)(slot % 3 ? gatehouse : other, user)
    await client.ask(VerifyMfaDocument, { input: { challengeId, code } })
    expect(await remainingOf(user)).toBe(9 - slot)
  }
  expect(await remainingInEvents(user)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
  for (const code of codes.slice(0, 4)) await expectDead(user, code, [gatehouse])
})

test('A23: backup codes still work once the key was rotated', async () => {
  const { user, code } = await holder()
  await completeChallenge(gatehouse.anonymous, await loginChallenge(gatehouse.anonymous, user), code(0), 'SignedIn')
  const newKey = `new:${Buffer.alloc(32, 9).toString('base64')}`
  const rotated = await startGatehouseProcess(gatehouse.databaseUrl, { GATEHOUSE_KEYS: `${newKey},${testKeys}` })
  try {
    await expectDead(user, code(0), [rotated])
    await completeChallenge(rotated.anonymous, await loginChallenge(rotated.anonymous, user), code(1), 'SignedIn')
    expect(await remainingOf(user)).toBe(8)
  } finally {
    await rotated.end()
  }
})
