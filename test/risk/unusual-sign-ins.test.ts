import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../support/client.ts'
import { LoginDocument, ResolveSessionLimitDocument, VerifyMfaDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { historyOf } from '../support/history.ts'
import { addresses, at, firefox, mailsAbout } from '../support/places.ts'
import { atOnce } from '../support/race.ts'
import { loginChallenge } from '../support/second-factor.ts'
import { totpCode, wrongTotpCode } from '../support/totp.ts'

const { zurich, tokyo, gottingen, saoPaulo } = addresses
const subject = 'A sign-in from an unusual place'
const hour = 3600

let gatehouse: Gatehouse
let other: Gatehouse
beforeAll(async () => {
  const config = { trustedProxies: ['127.0.0.1'] }
  gatehouse = await startGatehouse({ config })
  other = await startGatehouse({ config, databaseUrl: gatehouse.databaseUrl })
})
afterAll(async () => {
  await other.close()
  await gatehouse.close()
})

const from = (address: string, userAgent?: string): Client => at(gatehouse.anonymous, address, userAgent)

const login = async (client: Client, { email, password }: TestUser, deviceToken: string | null = null) =>
  (await client.ask(LoginDocument, { input: { email, password, deviceToken } })).login

const signIn = async (client: Client, user: TestUser): Promise<void> => {
  expect((await login(client, user)).__typename).toBe('SignedIn')
}

/** A user who signed in from Zurich before. */
const userOfZurich = async (): Promise<TestUser> => {
  const user = await gatehouse.createUser()
  await signIn(from(zurich), user)
  return user
}

const findingsOf = async (user: TestUser) =>
  (await historyOf(gatehouse, user)).filter(({ type }) =>
    ['NEW_DEVICE', 'NEW_LOCATION', 'IMPOSSIBLE_TRAVEL'].includes(type),
  )
const typesOf = async (user: TestUser) => (await findingsOf(user)).map(({ type }) => type)
const notices = (user: TestUser) => mailsAbout(gatehouse, user, subject)

/** Lets time pass on both servers, for one user's sake: others have none to lose. */
const pass = (seconds: number) => {
  for (const server of [gatehouse, other]) server.advanceClock(seconds)
}

test('H9: a sign-in from another country makes one event and one mail, and the same again none', async () => {
  const user = await userOfZurich()
  pass(24 * hour)
  await signIn(from(tokyo), user)
  const [event] = await findingsOf(user)
  expect(event).toMatchObject({
    type: 'NEW_LOCATION',
    severity: 'WARNING',
    outcome: 'SUCCESS',
    ipAddress: tokyo,
    user: { id: user.id },
    details: { country: 'JP', city: expect.any(String), knownCountries: 'CH', weight: 30, action: 'NOTIFY' },
  })
  expect(event?.sessionId).toBeTruthy()
  const [mail] = await notices(user)
  expect(mail?.text).toContain(', Japan')
  expect(mail?.text).toContain(tokyo)
  expect(mail?.text).not.toContain('http')

  await signIn(from(tokyo), user)
  expect(await typesOf(user)).toEqual(['NEW_LOCATION'])
  expect(await notices(user)).toHaveLength(1)
})

test('at home from many networks, mobile, by IPv6 and private, nothing is unusual', async () => {
  const user = await userOfZurich()
  const { lausanne, basel, bern, geneva } = addresses
  const privacy = ['2a02:120b:2c00::a1:b2', '2a02:120b:2c00:0:ffff::1']
  for (const address of [lausanne, basel, bern, geneva, ...privacy, '10.1.2.3', '100.64.7.7', zurich]) {
    await signIn(from(address), user)
  }
  expect(await findingsOf(user)).toEqual([])
  expect(await notices(user)).toEqual([])
})

test('a tunnel to the other side of the world and back makes one journey and one mail', async () => {
  const user = await userOfZurich()
  for (const address of [tokyo, zurich, tokyo, zurich]) await signIn(from(address), user)
  const [place, journey, ...rest] = await findingsOf(user)
  expect(place?.type).toBe('NEW_LOCATION')
  expect(journey).toMatchObject({
    type: 'IMPOSSIBLE_TRAVEL',
    severity: 'WARNING',
    sessionId: place?.sessionId,
    details: { fromCountry: 'CH', country: 'JP', city: expect.any(String), weight: 40, action: 'NOTIFY' },
  })
  expect(journey?.details.kmPerHour).toBeGreaterThan(1_000)
  expect(Math.abs((journey?.details.km as number) - 9_580)).toBeLessThan(100)
  expect(rest).toEqual([])
  const mails = await notices(user)
  expect(mails).toHaveLength(1)
  expect(mails[0]?.text).toContain('farther away than anybody could have travelled')
})

test('H9: of 20 sign-ins at once from a new country over two servers one tells of it', async () => {
  const user = await userOfZurich()
  await atOnce(20, [gatehouse, other], ({ anonymous }) => signIn(at(anonymous, tokyo), user))
  expect(await typesOf(user)).toEqual(['NEW_LOCATION', 'IMPOSSIBLE_TRAVEL'])
  expect(await notices(user)).toHaveLength(1)
})

test('of 20 sign-ins at once, too far from home in a country that is known, one tells of it', async () => {
  const user = await userOfZurich()
  pass(24 * hour)
  await signIn(from(tokyo), user)
  pass(24 * hour)
  await signIn(from(zurich), user)
  expect(await typesOf(user)).toEqual(['NEW_LOCATION'])
  await atOnce(20, [gatehouse, other], ({ anonymous }) => signIn(at(anonymous, tokyo), user))
  expect(await typesOf(user)).toEqual(['NEW_LOCATION', 'IMPOSSIBLE_TRAVEL'])
})

/** A user of Zurich with an authenticator app, and a device that is trusted there. */
const userWithTrust = async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const input = { challengeId: await loginChallenge(from(zurich), user), code: totpCode(seed, gatehouse.now()) }
  const { verifyMfa } = await from(zurich).ask(VerifyMfaDocument, { input: { ...input, trustDevice: true } })
  if (verifyMfa.__typename !== 'SignedIn') throw new Error('Not signed in')
  return { user, seed, deviceToken: verifyMfa.deviceToken }
}

test('B13: a trusted device in a new country is asked for the second factor, once, and stays trusted', async () => {
  const { user, seed, deviceToken } = await userWithTrust()
  const asked = await login(from(tokyo), user, deviceToken)
  if (asked.__typename !== 'MfaRequired') throw new Error('The factor was waived')
  const challenged = (await historyOf(gatehouse, user)).findLast(({ type }) => type === 'MFA_CHALLENGED')
  expect(challenged?.details).toEqual({ purpose: 'LOGIN', findings: 'NEW_LOCATION IMPOSSIBLE_TRAVEL' })

  pass(30)
  const challengeId = asked.challenge.id
  const wrong = { challengeId, code: wrongTotpCode(seed, gatehouse.now()) }
  await from(tokyo).refused(VerifyMfaDocument, { input: wrong })
  expect(await findingsOf(user)).toEqual([]) // what waits for its factor is no sign-in
  await from(tokyo).ask(VerifyMfaDocument, { input: { challengeId, code: totpCode(seed, gatehouse.now()) } })
  expect((await findingsOf(user)).map(({ type, details }) => [type, details.action])).toEqual([
    ['NEW_LOCATION', 'NOTIFY SECOND_FACTOR'],
    ['IMPOSSIBLE_TRAVEL', 'NOTIFY SECOND_FACTOR'],
  ])

  const waived = await login(from(tokyo), user, deviceToken)
  expect(waived.__typename).toBe('SignedIn')
  expect(await typesOf(user)).toEqual(['NEW_LOCATION', 'IMPOSSIBLE_TRAVEL'])
})

test('a wrong password makes no place known, and learns nothing of places', async () => {
  const user = await userOfZurich()
  const wrong = { email: user.email, password: 'none of the right passphrases' }
  const refusals = [
    await from(zurich).refused(LoginDocument, { input: wrong }),
    await from(tokyo).refused(LoginDocument, { input: wrong }),
  ]
  expect(refusals[1]).toEqual(refusals[0])
  expect(await findingsOf(user)).toEqual([])
  await signIn(from(tokyo), user)
  expect(await typesOf(user)).toContain('NEW_LOCATION')
})

test('a sign-in that found no room tells of its place once its ticket opens a session', async () => {
  const config = { trustedProxies: ['127.0.0.1'], sessionLimit: { mostSessions: 1, policy: 'ASK' as const } }
  const asking = await startGatehouse({ config, databaseUrl: gatehouse.databaseUrl })
  const user = await userOfZurich()
  const client = at(asking.anonymous, saoPaulo, firefox)
  const reached = await login(client, user)
  if (reached.__typename !== 'SessionLimitReached') throw new Error(`The login ended as ${reached.__typename}`)
  expect(await findingsOf(user)).toEqual([])
  const { ticket, sessions } = reached
  await client.ask(ResolveSessionLimitDocument, { input: { ticket, endSessionIds: sessions.map(({ id }) => id) } })
  expect((await typesOf(user)).sort()).toEqual(['IMPOSSIBLE_TRAVEL', 'NEW_DEVICE', 'NEW_LOCATION'])
  await asking.close()
})

test('a place that was not seen for 90 days is news again', async () => {
  const user = await userOfZurich()
  pass(24 * hour)
  await signIn(from(gottingen), user)
  await gatehouse.sql`DELETE FROM known_places WHERE user_id = ${user.id} AND country_code = 'DE'` // as the purge does
  pass(24 * hour)
  await signIn(from(gottingen), user)
  expect(await typesOf(user)).toEqual(['NEW_LOCATION', 'NEW_LOCATION'])
})
