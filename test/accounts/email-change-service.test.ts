import { afterAll, beforeAll, expect, test } from 'vitest'
import { ChangeEmailDocument, MeDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, testPassword } from '../support/gatehouse.ts'
import { historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { confirmEmail, freshlyProved, loginOutcome, newestTokenTo, subjectsTo } from '../support/recovery.ts'
import { roundsOf } from '../support/rounds.ts'

let gatehouse: Gatehouse
let other: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
  other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
})
afterAll(async () => {
  await other.close()
  await gatehouse.close()
})

/** A user who asked for another address, and the token that was mailed there. */
const askedFor = async (newEmail?: string) => {
  const user = await gatehouse.createUser()
  const session = await freshlyProved(gatehouse, user)
  const address = newEmail ?? `new-${user.email}`
  await session.ask(ChangeEmailDocument, { newEmail: address })
  return { user, session, newEmail: address, token: await newestTokenTo(gatehouse, address) }
}

test('a new address counts once its mailbox confirmed it, in every session and on every server at once', async () => {
  const { user, session, newEmail, token } = await askedFor()
  const second = await gatehouse.signedInAs(user)
  for (const server of [gatehouse, other]) {
    expect((await server.clientWith(second.token).ask(MeDocument, {})).me.email).toBe(user.email)
  }
  const confirmedAfter = gatehouse.now()
  const { data } = await confirmEmail(other.anonymous, token)
  expect(data?.confirmEmail).toMatchObject({ __typename: 'EmailChanged', user: { id: user.id, email: newEmail } })
  for (const server of [gatehouse, other]) {
    for (const { token: live } of [session, second]) {
      const { me } = await server.clientWith(live).ask(MeDocument, {})
      expect(me.email).toBe(newEmail)
      expect(new Date(me.emailConfirmedAt ?? 0).getTime()).toBeGreaterThanOrEqual(confirmedAfter.getTime() - 1)
    }
  }
  expect(await loginOutcome(gatehouse.anonymous, user.email, testPassword)).toBe('INVALID_CREDENTIALS')
  expect(await loginOutcome(gatehouse.anonymous, newEmail, testPassword)).toBe('SignedIn')
  expect(await subjectsTo(gatehouse, user.email, 2)).toEqual([
    'A new email address was asked for',
    'Your email address was changed',
  ])
  expect(await subjectsTo(gatehouse, newEmail, 2)).toEqual([
    'Confirm your new email address',
    'Your email address was changed',
  ])
  const changes = (await historyOf(gatehouse, user)).filter(({ type }) => type === 'EMAIL_CHANGED')
  expect(changes.map(({ outcome, sessionId, details }) => [outcome, sessionId, details])).toEqual([
    ['SUCCESS', session.sessionId, { step: 'requested' }],
    ['SUCCESS', null, { step: 'confirmed' }],
  ])
})

test('an address may be given up and taken by another account, and asked for again in other letters only by another', async () => {
  const { user, session, newEmail, token } = await askedFor()
  for (const same of [user.email, user.email.toUpperCase()]) {
    const { errors } = await session.send(ChangeEmailDocument, { newEmail: same })
    expect(errors?.[0]?.extensions).toEqual({
      code: 'BAD_USER_INPUT',
      fields: [{ path: 'newEmail', message: 'must be another than now' }],
    })
  }
  expect(tally([await confirmEmail(gatehouse.anonymous, token)])).toEqual({ OK: 1 })
  const heir = await freshlyProved(gatehouse, await gatehouse.createUser())
  await heir.ask(ChangeEmailDocument, { newEmail: user.email })
  const inherited = await newestTokenTo(gatehouse, user.email)
  expect(tally([await confirmEmail(gatehouse.anonymous, inherited)])).toEqual({ OK: 1 })
  expect((await heir.ask(MeDocument, {})).me.email).toBe(user.email)
  expect((await session.ask(MeDocument, {})).me.email).toBe(newEmail)
})

test('a link works until 24 hours have passed, and not a second longer', async () => {
  const [inTime, late] = [await askedFor(), await askedFor()]
  const later = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
  try {
    later.advanceClock(24 * 3600 - 30)
    expect(tally([await confirmEmail(later.anonymous, inTime.token)])).toEqual({ OK: 1 })
    later.advanceClock(30)
    expect(tally([await confirmEmail(later.anonymous, late.token)])).toEqual({ TOKEN_INVALID: 1 })
  } finally {
    await later.close()
  }
})

test('of 50 confirmations with one token at once on two servers, one changes the address', async () => {
  for (let round = 0; round < roundsOf(2); round++) {
    const { user, newEmail, token } = await askedFor()
    const answers = await atOnce(50, [gatehouse, other], (server) => confirmEmail(server.anonymous, token))
    expect(tally(answers)).toEqual({ OK: 1, TOKEN_INVALID: 49 })
    const confirmed = (await historyOf(gatehouse, user)).filter(({ details }) => details.step === 'confirmed')
    expect(confirmed).toHaveLength(1)
    expect(await loginOutcome(gatehouse.anonymous, newEmail, testPassword)).toBe('SignedIn')
  }
})

test('of several accounts that confirm one address at once, one gets it and the others stay as they are', async () => {
  for (let round = 0; round < roundsOf(2); round++) {
    const newEmail = `wanted-${round}@example.com`
    const users = await Promise.all([gatehouse.createUser(), gatehouse.createUser(), gatehouse.createUser()])
    const tokens: string[] = []
    for (const [index, user] of users.entries()) {
      await (await freshlyProved(gatehouse, user)).ask(ChangeEmailDocument, { newEmail })
      tokens.push(await newestTokenTo(gatehouse, newEmail, index + 1))
    }
    const answers = await atOnce(3, [gatehouse, other], (server, turn) =>
      confirmEmail(server.anonymous, tokens[turn] as string),
    )
    expect(tally(answers)).toEqual({ OK: 1, TOKEN_INVALID: 2 })
    const outcomes = await Promise.all(users.map(({ email }) => loginOutcome(gatehouse.anonymous, email, testPassword)))
    expect(outcomes.sort()).toEqual(['INVALID_CREDENTIALS', 'SignedIn', 'SignedIn'])
    const failures = await Promise.all(users.map((user) => historyOf(gatehouse, user)))
    expect(
      failures.flat().filter(({ type, outcome }) => type === 'EMAIL_CHANGED' && outcome === 'FAILURE'),
    ).toMatchObject([1, 2].map(() => ({ details: { step: 'confirmed', reason: 'address taken' } })))
  }
})
