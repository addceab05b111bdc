import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { passwordBudget } from '../../src/budgets/budget.ts'
import { stuffing } from '../../src/risk/policy.ts'
import type { Client } from '../support/client.ts'
import { LoginDocument, VerifyMfaDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { eventsWhere, historyOf } from '../support/history.ts'
import { addresses, at, chrome, firefox, mailsAbout } from '../support/places.ts'
import { atOnce, tally } from '../support/race.ts'
import { mailedResetToken, resetPassword } from '../support/recovery.ts'
import { loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

const wrongPassword = 'none of the right passphrases'
const config = { trustedProxies: ['127.0.0.1'] }

let gatehouse: Gatehouse
let other: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse({ config })
  other = await startGatehouse({ config, databaseUrl: gatehouse.databaseUrl })
})
afterAll(async () => {
  await other.close()
  await gatehouse.close()
})

/** A network in Brazil that no other test comes from. */
const newNetwork = () => `143.107.${randomInt(256)}.${randomInt(1, 255)}`

const failAt = (client: Client, email = `${crypto.randomUUID()}@example.com`) =>
  client.send(LoginDocument, { input: { email, password: wrongPassword } })

/** Tries one password at as many accounts as it takes, over these servers. */
const stuff = async (address: string, accounts: number = stuffing.limit, servers = [gatehouse, other]) => {
  const answers = await atOnce(accounts, servers, ({ anonymous }) => failAt(at(anonymous, address, firefox)))
  expect(tally(answers)).toEqual({ INVALID_CREDENTIALS: accounts })
}

const foundIn = async (address: string, server = gatehouse) =>
  (await eventsWhere(server, { types: ['CREDENTIAL_STUFFING'] })).filter(({ details }) => details.network === address)

const login = async (client: Client, { email, password }: TestUser, deviceToken: string | null = null) =>
  (await client.ask(LoginDocument, { input: { email, password, deviceToken } })).login.__typename

test('many accounts that fail from one network over two servers are told of once', async () => {
  const address = newNetwork()
  await stuff(address, stuffing.limit + 20)
  const [event, ...more] = await foundIn(address)
  expect(more).toEqual([])
  expect(event).toMatchObject({
    severity: 'CRITICAL',
    outcome: 'FAILURE',
    user: null,
    sessionId: null,
    details: { network: address, accounts: stuffing.limit, weight: 60, action: 'SECOND_FACTOR' },
  })
  await stuff(address)
  expect(await foundIn(address)).toHaveLength(1)
})

test('many failures of one account, or many people of one office of whom few mistype, are no such network', async () => {
  const address = newNetwork()
  const client = at(gatehouse.anonymous, address)
  const email = `${crypto.randomUUID()}@example.com`
  await atOnce(stuffing.limit + 5, [0], () => failAt(client, email))
  await atOnce(stuffing.limit - 10, [0], () => failAt(client))
  for (let n = 0; n < 12; n++) expect(await login(client, await gatehouse.createUser())).toBe('SignedIn')
  expect(await foundIn(address)).toEqual([])
})

test('what is behind a private address is no network of a client', async () => {
  await stuff('10.77.1.2')
  expect(await foundIn('10.77.1.2')).toEqual([])
})

test('a trusted device on such a network is asked for the second factor, and elsewhere is not', async () => {
  const address = newNetwork()
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const here = at(gatehouse.anonymous, address)
  const input = { challengeId: await loginChallenge(here, user), code: totpCode(seed, gatehouse.now()) }
  const { verifyMfa } = await here.ask(VerifyMfaDocument, { input: { ...input, trustDevice: true } })
  if (verifyMfa.__typename !== 'SignedIn') throw new Error('Not signed in')
  await stuff(address)
  expect(await login(at(other.anonymous, address), user, verifyMfa.deviceToken)).toBe('MfaRequired')
  expect(await login(at(other.anonymous, newNetwork()), user, verifyMfa.deviceToken)).toBe('SignedIn')
})

/** A user without a second factor, who lives in Zurich. */
const userOfZurich = async () => {
  const user = await gatehouse.createUser()
  expect(await login(at(gatehouse.anonymous, addresses.zurich), user)).toBe('SignedIn')
  return user
}

describe('a right password alone, from such a network and out of place', () => {
  test('is answered and counted as a wrong one, and its owner is told', async () => {
    const address = newNetwork()
    await stuff(address)
    const [user, owner] = [await userOfZurich(), await userOfZurich()]
    const thief = at(gatehouse.anonymous, address, chrome)
    const right = { input: { email: user.email, password: user.password } }
    const refusal = await thief.send(LoginDocument, right)
    const wrong = await failAt(thief, owner.email)
    expect(refusal.errors).toEqual(wrong.errors)
    expect(refusal.status).toBe(wrong.status)
    expect((await historyOf(gatehouse, user)).at(-1)).toMatchObject({
      type: 'LOGIN_FAILED',
      outcome: 'DENIED',
      details: { reason: 'unusual', weight: 130, action: 'REFUSE' },
    })
    for (let n = 1; n < passwordBudget.limit; n++) await thief.refused(LoginDocument, right)
    expect((await thief.refused(LoginDocument, right)).extensions.code).toBe('ACCOUNT_LOCKED')
    const mails = await mailsAbout(gatehouse, user, 'A sign-in with your password was refused')
    expect(mails).toHaveLength(3) // a day
    expect(mails[0]?.text).toContain(address)
    expect(await login(at(gatehouse.anonymous, addresses.zurich), user)).toBe('SignedIn') // the owner, at home
  })

  test('is let in again once its owner has reset it from there', async () => {
    const address = newNetwork()
    await stuff(address)
    const user = await userOfZurich()
    const traveller = at(gatehouse.anonymous, address, chrome)
    const refused = { input: { email: user.email, password: user.password } }
    expect((await traveller.refused(LoginDocument, refused)).extensions.code).toBe('INVALID_CREDENTIALS')
    const password = 'quite another fine passphrase'
    const token = await mailedResetToken(gatehouse, user)
    expect((await resetPassword(traveller, token, password)).errors).toBeUndefined()
    expect(await login(traveller, { ...user, password })).toBe('SignedIn')
  })

  test('is no reason to refuse where the user was before, nor where there is a second factor to ask for', async () => {
    const address = newNetwork()
    const resident = await gatehouse.createUser()
    expect(await login(at(gatehouse.anonymous, address), resident)).toBe('SignedIn')
    const careful = await userOfZurich()
    await gatehouse.giveTotp(careful)
    await stuff(address)
    expect(await login(at(gatehouse.anonymous, address, firefox), resident)).toBe('SignedIn')
    expect(await login(at(gatehouse.anonymous, address, firefox), careful)).toBe('MfaRequired')
  })
})

test('A15: without Redis a server finds such a network by itself, once in a quarter of an hour', async () => {
  const alone = await startGatehouse({ config, redisUrl: null })
  const address = newNetwork()
  await stuff(address, stuffing.limit + 20, [alone])
  await stuff(address, stuffing.limit, [alone])
  expect(await foundIn(address, alone)).toHaveLength(1)
  alone.advanceClock(stuffing.windowSeconds)
  await stuff(address, stuffing.limit, [alone])
  expect(await foundIn(address, alone)).toHaveLength(2)
  await alone.close()
})

test.each(['with', 'without'])(
  '%s Redis: a network that could not be recorded is recorded at its next failure',
  async (redis) => {
    const server = redis === 'with' ? gatehouse : await startGatehouse({ config, redisUrl: null })
    const address = newNetwork()
    await stuff(address, stuffing.limit - 1, [server])
    await server.sql`ALTER TABLE security_events ADD CONSTRAINT kept CHECK (type <> 'CREDENTIAL_STUFFING') NOT VALID`
    const { errors } = await failAt(at(server.anonymous, address, firefox))
    expect(errors?.[0]?.extensions.code).toBe('INTERNAL_SERVER_ERROR')
    await server.sql`ALTER TABLE security_events DROP CONSTRAINT kept`
    expect(await foundIn(address, server)).toEqual([])
    await stuff(address, 2, [server])
    expect(await foundIn(address, server)).toHaveLength(1)
    const failures = (await eventsWhere(server, { types: ['LOGIN_FAILED'] })).filter(
      (event) => event.ipAddress === address,
    )
    expect(failures).toHaveLength(stuffing.limit + 2)
    if (server !== gatehouse) await server.close()
  },
)
