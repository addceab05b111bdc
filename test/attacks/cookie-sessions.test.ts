import { parseSetCookie } from 'cookie'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import { type Browser, openBrowser } from '../support/browser.ts'
import type { Client } from '../support/client.ts'
import { createTestDatabase } from '../support/database.ts'
import {
  ChangePasswordDocument,
  ConfirmEmailDocument,
  ListSessionsDocument,
  LoginDocument,
  LogoutDocument,
  MeDocument,
  ReauthenticateDocument,
  RegisterDocument,
  RequestStepUpDocument,
  RevokeSessionDocument,
  TrustedDevicesDocument,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import {
  confirmationTokenTo,
  eventually,
  type Gatehouse,
  startGatehouse,
  type TestUser,
  testPassword,
} from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { beginEnrolment } from '../support/second-factor.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { totpCode } from '../support/totp.ts'

const name = 'gatehouse'
const deviceName = 'gatehouse-device'
const step = 30 // seconds of a TOTP code

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const credentials = ({ email, password }: TestUser, transport: 'COOKIE' | 'BEARER' | null = 'COOKIE') => ({
  input: { email, password, transport },
})

/** Signs in by password, which must be enough, and returns the new token out of the cookie. */
const signInto = async (browser: Browser, user: TestUser, cookie = name): Promise<string> => {
  const { login } = await browser.ask(LoginDocument, credentials(user))
  if (login.__typename !== 'SignedIn') throw new Error(`The sign-in ended as ${login.__typename}`)
  expect(login.sessionToken).toBeNull()
  return browser.jar.get(cookie) as string
}

const challengeFor = async (browser: Browser, user: TestUser): Promise<string> => {
  const { login } = await browser.ask(LoginDocument, credentials(user))
  if (login.__typename !== 'MfaRequired') throw new Error('No second factor was asked for')
  return login.challenge.id
}

const meOf = async (client: Client): Promise<string | undefined> => (await client.send(MeDocument, {})).data?.me.email
const withCookie = (value: string): Browser => {
  const browser = openBrowser(gatehouse.url)
  browser.jar.set(name, value)
  return browser
}

describe.each([
  { isSecure: true, isProduction: true, publicUrl: 'https://id.example.com' },
  { isSecure: true, isProduction: true, publicUrl: 'http://localhost:4000' },
  { isSecure: true, isProduction: false, publicUrl: 'https://id.example.com' },
  { isSecure: false, isProduction: false, publicUrl: 'http://localhost:4000' },
])('D2: production: $isProduction, at $publicUrl', ({ isSecure, ...config }) => {
  test('the cookies are for this host, for no script, and for no other site', async () => {
    const server = await startGatehouse({ config })
    const user = await server.createUser()
    const seed = await server.giveTotp(user)
    const browser = openBrowser(server.url)
    const challengeId = await challengeFor(browser, user)
    expect(browser.received).toEqual([])
    const input = { challengeId, code: totpCode(seed, server.now()), trustDevice: true }
    const { verifyMfa } = await browser.ask(VerifyMfaDocument, { input })
    expect(verifyMfa).toMatchObject({ __typename: 'SignedIn', sessionToken: null, deviceToken: null })
    const prefix = isSecure ? '__Host-' : ''
    const attributes = isSecure ? /; Path=\/; HttpOnly; Secure; SameSite=Lax$/ : /; Path=\/; HttpOnly; SameSite=Lax$/
    const [session = '', device = '', ...others] = browser.received
    expect(others).toEqual([])
    expect(session).toMatch(new RegExp(`^${prefix}gatehouse=gts_[\\w-]+; Max-Age=\\d+`))
    expect(device).toMatch(new RegExp(`^${prefix}gatehouse-device=gtd_[\\w-]+; Max-Age=${30 * 24 * 3600}`))
    for (const cookie of [session, device]) expect(cookie.replace(/; Max-Age=\d+/, '')).toMatch(attributes)
    const seconds = parseSetCookie(session).maxAge ?? 0
    expect(seconds).toBeLessThanOrEqual(24 * 3600)
    expect(seconds).toBeGreaterThan(24 * 3600 - 60)
    expect(await meOf(browser)).toBe(user.email)
    await server.close()
  })
})

test('D1: whatever cookie was planted before, a sign-in makes a token of its own, and the planted one stays worthless', async () => {
  const attacker = await gatehouse.createUser()
  const ofAttacker = openBrowser(gatehouse.url)
  const bearer = await gatehouse.signedInAs(attacker)
  const planted = {
    'a word': 'chosen',
    'a token that no key signed': `gts_${'a'.repeat(67)}`,
    'a live session of the attacker': await signInto(ofAttacker, attacker),
    "the attacker's Bearer token": bearer.token,
  }
  for (const [what, value] of Object.entries(planted)) {
    const victim = await gatehouse.createUser()
    const browser = withCookie(value)
    const token = await signInto(browser, victim)
    expect(token, what).not.toBe(value)
    expect(await meOf(browser), what).toBe(victim.email)
    expect(await meOf(withCookie(value)), what).toBeUndefined()
  }
  expect(countTypes(await historyOf(gatehouse, attacker))).toMatchObject({ LOGGED_OUT: 1 }) // of the planted session
  expect(await meOf(bearer)).toBe(attacker.email)
})

test('D1: each change of privilege moves the cookie on, and the token before it is dead', async () => {
  const user = await gatehouse.createUser()
  const browser = openBrowser(gatehouse.url)
  const tokens = [await signInto(browser, user)]
  const moved = async () => {
    const token = browser.jar.get(name) as string
    expect(tokens).not.toContain(token)
    expect(await meOf(browser)).toBe(user.email)
    for (const old of tokens) {
      const dead = withCookie(old)
      expect(await meOf(dead)).toBeUndefined()
      expect(dead.received.join()).not.toContain('gts_')
    }
    tokens.push(token)
  }
  const answers: (string | null | undefined)[] = []

  answers.push((await browser.ask(ReauthenticateDocument, { password: user.password })).reauthenticate.sessionToken)
  await moved()

  const { challenge, secret } = await beginEnrolment(browser)
  const enrolled = await browser.ask(VerifyMfaDocument, {
    input: { challengeId: challenge.id, code: totpCode(secret, gatehouse.now()) },
  })
  if (enrolled.verifyMfa.__typename !== 'MfaActivated') throw new Error('The factor was not enrolled')
  answers.push(enrolled.verifyMfa.sessionToken)
  await moved()

  const newPassword = 'another perfectly fine passphrase'
  const input = { currentPassword: user.password, newPassword }
  answers.push((await browser.ask(ChangePasswordDocument, { input })).changePassword.sessionToken)
  await moved()

  gatehouse.advanceClock(step)
  const challengeId = await challengeFor(browser, { ...user, password: newPassword })
  const code = totpCode(secret, gatehouse.now())
  const { verifyMfa } = await browser.ask(VerifyMfaDocument, { input: { challengeId, code } })
  if (verifyMfa.__typename !== 'SignedIn') throw new Error(`The sign-in ended as ${verifyMfa.__typename}`)
  answers.push(verifyMfa.sessionToken)
  await moved()
  expect((await browser.ask(ListSessionsDocument, {})).listSessions).toHaveLength(1) // the one that it replaced is over

  const { requestStepUp } = await browser.ask(RequestStepUpDocument, {})
  gatehouse.advanceClock(step)
  const again = { challengeId: requestStepUp.id, code: totpCode(secret, gatehouse.now()) }
  const steppedUp = await browser.ask(VerifyMfaDocument, { input: again })
  if (steppedUp.verifyMfa.__typename !== 'SteppedUp') throw new Error('No step-up')
  answers.push(steppedUp.verifyMfa.sessionToken)
  await moved()

  expect(answers).toEqual([null, null, null, null, null])
  await expectUnharmed(gatehouse, { secrets: tokens })
})

test('D1: of two sign-ins in one request the browser keeps the last, and the first is over', async () => {
  const user = await gatehouse.createUser()
  const browser = openBrowser(gatehouse.url)
  const input = `{ email: "${user.email}", password: "${user.password}", transport: COOKIE }`
  const { data, text } = await browser.sendText(`mutation {
    a: login(input: ${input}) { ... on SignedIn { sessionToken session { id } } }
    b: login(input: ${input}) { ... on SignedIn { sessionToken session { id } } }
  }`)
  expect(text).not.toContain('gts_')
  expect(browser.received).toHaveLength(1)
  const { listSessions } = await browser.ask(ListSessionsDocument, {})
  expect(listSessions).toEqual([expect.objectContaining({ current: true })])
  expect(data?.b).toMatchObject({ sessionToken: null, session: { id: listSessions[0]?.id } })
})

test('D1: a token counts only where its session put it', async () => {
  const user = await gatehouse.createUser()
  const bearer = await gatehouse.signedInAs(user)
  const cookie = await gatehouse.signedInAs(user, ['PASSWORD'], null, 'COOKIE')
  expect([await meOf(bearer), await meOf(withCookie(cookie.token))]).toEqual([user.email, user.email])
  for (const client of [withCookie(bearer.token), gatehouse.clientWith(cookie.token)]) {
    const { status, errors } = await client.send(MeDocument, {})
    expect([status, errors?.[0]?.extensions.code]).toEqual([401, 'UNAUTHENTICATED'])
  }
})

test('a Bearer token wins over the cookie, and never answers with cookies', async () => {
  const [one, other] = [await gatehouse.createUser(), await gatehouse.createUser()]
  const browser = openBrowser(gatehouse.url)
  const inCookie = await signInto(browser, one)
  const { token } = await gatehouse.signedInAs(other)
  const both = browser.with({ authorization: `Bearer ${token}` })
  const before = browser.received.length
  expect(await meOf(both)).toBe(other.email)
  const { reauthenticate } = await both.ask(ReauthenticateDocument, { password: other.password })
  expect(reauthenticate.sessionToken).toMatch(/^gts_/)
  expect(await meOf(browser.with({ authorization: `Bearer ${token}` }))).toBeUndefined() // replaced, whatever the cookie says
  expect(await meOf(browser.with({ authorization: 'Bearer nonsense' }))).toBeUndefined()
  const [kept, ended] = [gatehouse.clientWith(reauthenticate.sessionToken), await gatehouse.signedInAs(other)]
  await kept.ask(RevokeSessionDocument, { id: ended.sessionId })
  const { errors } = await browser.with({ authorization: `Bearer ${ended.token}` }).send(MeDocument, {})
  expect(errors?.[0]?.extensions.code).toBe('SESSION_ENDED')
  await both.with({ authorization: `Bearer ${reauthenticate.sessionToken}` }).ask(LogoutDocument, {})
  expect(browser.received).toHaveLength(before)
  expect(browser.jar.get(name)).toBe(inCookie)
  // An empty token, or the Basic of a proxy, is none of ours.
  for (const authorization of ['Bearer ', 'Basic dTpw']) {
    expect(await meOf(browser.with({ authorization }))).toBe(one.email)
  }
})

test('without COOKIE asked for, no answer sets a cookie', async () => {
  const user = await gatehouse.createUser()
  const browser = openBrowser(gatehouse.url)
  for (const transport of ['BEARER', null] as const) {
    const { login } = await browser.ask(LoginDocument, credentials(user, transport))
    expect(login).toMatchObject({ sessionToken: expect.stringMatching(/^gts_/) })
  }
  const { email, password } = user
  await browser.ask(LoginDocument, { input: { email, password } })
  expect(browser.received).toEqual([])
})

test('a confirmed address signs in by cookie when asked to', async () => {
  const email = 'new-by-cookie@example.com'
  await gatehouse.anonymous.ask(RegisterDocument, { input: { email, password: testPassword } })
  const token = await confirmationTokenTo(gatehouse, email)
  const browser = openBrowser(gatehouse.url)
  const { confirmEmail } = await browser.ask(ConfirmEmailDocument, { input: { token, transport: 'COOKIE' } })
  expect(confirmEmail).toMatchObject({ __typename: 'SignedIn', sessionToken: null })
  expect(await meOf(browser)).toBe(email)
})

describe('the cookie is taken away', () => {
  const cleared = `${name}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax`

  test('by logout, whose token is dead', async () => {
    const browser = openBrowser(gatehouse.url)
    const token = await signInto(browser, await gatehouse.createUser())
    await browser.ask(LogoutDocument, {})
    expect(browser.received.at(-1)).toBe(cleared)
    expect(browser.jar.size).toBe(0)
    const { errors } = await withCookie(token).send(MeDocument, {})
    expect(errors?.[0]?.extensions.code).toBe('SESSION_ENDED')
  })

  test('when the session ends itself by revokeSession, and not when it ends another', async () => {
    const user = await gatehouse.createUser()
    const browser = openBrowser(gatehouse.url)
    await signInto(browser, user)
    const other = await gatehouse.signedInAs(user)
    await browser.ask(RevokeSessionDocument, { id: other.sessionId })
    expect(browser.received).toHaveLength(1)
    const { listSessions } = await browser.ask(ListSessionsDocument, {})
    await browser.ask(RevokeSessionDocument, { id: listSessions[0]?.id as string })
    expect(browser.received.slice(1)).toEqual([cleared])
  })

  test('by no refusal: the session ended elsewhere, and its cookie opens nothing until the next sign-in replaces it', async () => {
    const user = await gatehouse.createUser()
    const browser = openBrowser(gatehouse.url)
    await signInto(browser, user)
    const [session] = (await browser.ask(ListSessionsDocument, {})).listSessions
    await (await gatehouse.signedInAs(user)).ask(RevokeSessionDocument, { id: session?.id as string })
    for (let time = 0; time < 2; time++) {
      expect((await browser.refused(MeDocument, {})).extensions.code).toBe('SESSION_ENDED')
    }
    expect(browser.received).toHaveLength(1)
    await signInto(browser, user)
    expect(await meOf(browser)).toBe(user.email)
  })

  test('but not by a request that was under way while another moved it on', async () => {
    const user = await gatehouse.createUser()
    const token = await signInto(openBrowser(gatehouse.url), user)
    gatehouse.advanceClock(6 * 60)
    await withCookie(token).ask(ReauthenticateDocument, { password: user.password })
    const late = withCookie(token)
    expect((await late.refused(MeDocument, {})).extensions.code).toBe('UNAUTHENTICATED')
    const again = openBrowser(gatehouse.url)
    const first = await signInto(again, user)
    await signInto(again, user)
    const later = withCookie(first)
    expect((await later.refused(MeDocument, {})).extensions.code).toBe('SESSION_ENDED')
    expect([...late.received, ...later.received]).toEqual([])
  })

  test('but not while nobody can tell whether the session lives', async () => {
    const database = await createTestDatabase()
    const proxy = await startTcpProxy(database.url)
    const server = await startGatehouse({ databaseUrl: proxy.url, redisUrl: null })
    const user = await server.createUser()
    const browser = openBrowser(server.url)
    await signInto(browser, user)
    proxy.cut()
    expect((await browser.refused(MeDocument, {})).extensions.code).toBe('SERVICE_DEGRADED')
    proxy.restore()
    expect(browser.received).toHaveLength(1)
    await eventually(async () => (await meOf(browser)) === user.email)
    await server.close()
    await proxy.close()
    await database.drop()
  })
})

describe('a trusted device', () => {
  const trust = async (browser: Browser, user: TestUser, seed: string): Promise<string> => {
    const challengeId = await challengeFor(browser, user)
    const input = { challengeId, code: totpCode(seed, gatehouse.now()), trustDevice: true }
    const { verifyMfa } = await browser.ask(VerifyMfaDocument, { input })
    expect(verifyMfa).toMatchObject({ __typename: 'SignedIn', sessionToken: null, deviceToken: null })
    return browser.jar.get(deviceName) as string
  }

  test('is known by its cookie, which moves on with each sign-in and outlives the session', async () => {
    const user = await gatehouse.createUser()
    const browser = openBrowser(gatehouse.url)
    const first = await trust(browser, user, await gatehouse.giveTotp(user))
    await browser.ask(LogoutDocument, {})
    expect([...browser.jar.keys()]).toEqual([deviceName])
    const { login } = await browser.ask(LoginDocument, credentials(user))
    expect(login).toMatchObject({ sessionToken: null, deviceToken: null, session: { trustedDevice: true } })
    expect(browser.jar.get(deviceName)).toMatch(/^gtd_/)
    expect(browser.jar.get(deviceName)).not.toBe(first)
    expect((await browser.ask(TrustedDevicesDocument, {})).trustedDevices).toHaveLength(1)
  })

  test('B13: a copied cookie is found out, and neither of the two is trusted any more', async () => {
    const user = await gatehouse.createUser()
    const browser = openBrowser(gatehouse.url)
    const copied = await trust(browser, user, await gatehouse.giveTotp(user))
    await browser.ask(LoginDocument, credentials(user))
    const thief = openBrowser(gatehouse.url)
    thief.jar.set(deviceName, copied)
    for (const either of [thief, browser]) await challengeFor(either, user)
  })

  test('of a cookie is not known to a sign-in by Bearer, nor by a cookie that is there twice', async () => {
    const user = await gatehouse.createUser()
    const browser = openBrowser(gatehouse.url)
    const token = await trust(browser, user, await gatehouse.giveTotp(user))
    const twice = openBrowser(gatehouse.url)
    twice.jar.set(deviceName, `${token}; ${deviceName}=${token}`)
    for (const { login } of [
      await browser.ask(LoginDocument, credentials(user, 'BEARER')),
      await twice.ask(LoginDocument, credentials(user)),
    ]) {
      expect(login.__typename).toBe('MfaRequired')
    }
    expect((await browser.ask(LoginDocument, credentials(user))).login.__typename).toBe('SignedIn')
  })
})

test('D1: cookies that make no sense open nothing, break nothing, and are not logged', async () => {
  const user = await gatehouse.createUser()
  const { token } = await gatehouse.signedInAs(user, ['PASSWORD'], null, 'COOKIE')
  const other = await gatehouse.signedInAs(user, ['PASSWORD'], null, 'COOKIE')
  const senseless = {
    'the same twice': `${name}=${token}; ${name}=${token}`,
    'a planted one first': `${name}=${other.token}; ${name}=${token}`,
    'a planted one last': `${name}=${token};${name}=x`,
    'an empty one and a right one': `${name}=; ${name} =${token}`,
    'another spelling of the name': `Gatehouse=${token}`,
    'the secure name where it does not belong': `__Host-gatehouse=${token}`,
    'a suffix of the name': `my${name}=${token}`,
    'quotes around it': `${name}="${token}"`,
    'an encoded token': `${name}=${token.replace('_', '%5F')}`,
    'a broken encoding': `${name}=%E0%A4%A; x=%`,
    'a token with more behind it': `${name}=${token}x`,
    'no value': name,
    'no name': `=${token}`,
    'only separators': ';;;==;=;',
    'a prototype': `__proto__=${token}; constructor=x; ${name}`,
    'bytes that are no text': `${name}=\xff\xfe\x80`,
    'a long one': `${name}=${'gts_'.padEnd(12_000, 'a')}`,
    'very many': Array.from({ length: 700 }, (_, index) => `${name}${index}=${token.slice(0, 5)}`).join(';'),
  }
  const answers = await Promise.all(
    Object.values(senseless).map((cookie) => gatehouse.anonymous.with({ cookie }).send(MeDocument, {})),
  )
  expect(Object.keys(senseless).map((what, index) => [what, answers[index]?.status])).toEqual(
    Object.keys(senseless).map((what) => [what, 401]),
  )
  expect(answers.flatMap(({ headers }) => headers.getSetCookie())).toEqual([])
  const tooLong = await fetch(`${gatehouse.url}/graphql`, { headers: { cookie: 'x'.repeat(20_000) } })
  expect(tooLong.status).toBe(431)
  expect(await meOf(gatehouse.anonymous.with({ cookie: `a=b; ${name}=${token}; c=d` }))).toBe(user.email)
  await expectUnharmed(gatehouse, { secrets: [token, other.token], answers })
})

test('D13: a cookie session token in a URL opens nothing and is not logged', async () => {
  const { token } = await gatehouse.signedInAs(await gatehouse.createUser(), ['PASSWORD'], null, 'COOKIE')
  for (const search of [`?${name}=${token}`, `?cookie=${name}%3D${token}`, `?sessionToken=${token}`]) {
    const response = await fetch(`${gatehouse.url}/graphql${search}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ me { id } }' }),
    })
    expect(response.status).toBe(401)
    expect(await response.text()).not.toContain(token)
  }
  await expectUnharmed(gatehouse, { secrets: [token] })
})
