import { afterAll, beforeAll, expect, test } from 'vitest'
import { mostContextsASession } from '../../src/risk/policy.ts'
import { countStatements } from '../support/call-counts.ts'
import { LoginDocument, MeDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { historyOf } from '../support/history.ts'
import { addresses, at, chrome, firefox, mailsAbout, newerChrome } from '../support/places.ts'
import { atOnce, tally } from '../support/race.ts'

const { zurich, lausanne, tokyo } = addresses
const moved = 'One of your sessions moved to another device'
const ended = 'A session was ended for your safety'

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

/** A session that began in Zurich on Chrome, and whoever holds its token, anywhere. */
const sessionOfZurich = async () => {
  const user = await gatehouse.createUser()
  const input = { email: user.email, password: user.password }
  const { login } = await at(gatehouse.anonymous, zurich).ask(LoginDocument, { input })
  if (login.__typename !== 'SignedIn') throw new Error('Not signed in')
  const token = login.sessionToken as string
  const holder = (address: string, userAgent: string, server = gatehouse) =>
    at(server.clientWith(token), address, userAgent)
  return { user, id: login.session.id, holder, owner: holder(zurich, chrome) }
}

const changesOf = async (user: { id: string }) =>
  (await historyOf(gatehouse, user)).filter(({ type }) => ['SESSION_CONTEXT_CHANGED', 'SESSION_REVOKED'].includes(type))

/** What is recorded outside of the requests, once it is. */
const changes = (user: { id: string }, count: number) =>
  eventually(async () => {
    const found = await changesOf(user)
    return found.length >= count && found
  })

test('D15: a session on another network and device is recorded and told once, and goes on', async () => {
  const { user, id, holder, owner } = await sessionOfZurich()
  const stranger = holder(lausanne, firefox)
  await stranger.ask(MeDocument, {})
  const [event] = await changes(user, 1)
  expect(event).toMatchObject({
    type: 'SESSION_CONTEXT_CHANGED',
    severity: 'WARNING',
    outcome: 'SUCCESS',
    sessionId: id,
    ipAddress: lausanne,
    details: {
      fromNetwork: zurich,
      network: lausanne,
      fromDevice: 'Chrome on macOS',
      device: 'Firefox on Windows',
      weight: 50,
      action: 'NOTIFY',
    },
  })
  for (const server of [gatehouse, other]) await holder(lausanne, firefox, server).ask(MeDocument, {})
  await owner.ask(MeDocument, {})
  const [mail, ...more] = await mailsAbout(gatehouse, user, moved)
  expect(mail?.text).toContain('Firefox on Windows')
  expect(mail?.text).toContain(lausanne)
  expect(more).toEqual([])
  expect(await changesOf(user)).toHaveLength(1)
})

test('D15: of 20 requests at once from a new context over two servers one is told of', async () => {
  const { user, holder } = await sessionOfZurich()
  await atOnce(20, [gatehouse, other], (server) => holder(lausanne, firefox, server).ask(MeDocument, {}))
  await changes(user, 1)
  expect(await mailsAbout(gatehouse, user, moved)).toHaveLength(1)
  expect(await changesOf(user)).toHaveLength(1)
})

test('D15: a token on another network and device and in another country ends its session, everywhere', async () => {
  const { user, id, holder, owner } = await sessionOfZurich()
  await owner.ask(MeDocument, {})
  const gone = { code: 'SESSION_ENDED', reason: 'RISK' }
  expect((await holder(tokyo, firefox).refused(MeDocument, {})).extensions).toMatchObject(gone)
  for (const server of [gatehouse, other]) {
    expect((await holder(zurich, chrome, server).refused(MeDocument, {})).extensions).toMatchObject(gone)
  }
  expect(await changesOf(user)).toMatchObject([
    {
      type: 'SESSION_CONTEXT_CHANGED',
      outcome: 'DENIED',
      sessionId: id,
      ipAddress: tokyo,
      details: { fromCountry: 'CH', country: 'JP', weight: 100, action: 'NOTIFY END_SESSION' },
    },
    { type: 'SESSION_REVOKED', sessionId: id, details: { reason: 'RISK' } },
  ])
  expect(await mailsAbout(gatehouse, user, ended)).toHaveLength(1)
})

test('D15: of 20 stolen copies at once over two servers none is answered, and one ends the session', async () => {
  const { user, holder } = await sessionOfZurich()
  const answers = await atOnce(20, [gatehouse, other], (server) => holder(tokyo, firefox, server).send(MeDocument, {}))
  expect(tally(answers)).toEqual({ SESSION_ENDED: 20 })
  expect(await changesOf(user)).toHaveLength(2)
  expect(await mailsAbout(gatehouse, user, ended)).toHaveLength(1)
})

test('D15: a stolen copy is refused also while its end can not be recorded, and ends the session afterwards', async () => {
  const { user, id, holder, owner } = await sessionOfZurich()
  await owner.ask(MeDocument, {})
  await gatehouse.sql.begin(async (held) => {
    await held`SELECT 1 FROM user_sessions WHERE id = ${id} FOR UPDATE`
    const { extensions } = await holder(tokyo, firefox).refused(MeDocument, {})
    expect(extensions).toMatchObject({ code: 'SESSION_ENDED', reason: 'RISK' })
    await owner.ask(MeDocument, {})
  })
  await holder(tokyo, firefox).refused(MeDocument, {})
  await owner.refused(MeDocument, {})
  expect(await changesOf(user)).toHaveLength(2)
})

test('a phone that changes its network, a browser that renews itself, and a home with two devices are no news', async () => {
  const { user, holder } = await sessionOfZurich()
  const { geneva } = addresses
  for (const address of [lausanne, geneva, '10.1.2.3', tokyo]) await holder(address, chrome).ask(MeDocument, {})
  for (const address of [zurich, lausanne, tokyo]) await holder(address, newerChrome).ask(MeDocument, {})
  await holder(zurich, firefox).ask(MeDocument, {})
  await holder(lausanne, firefox).ask(MeDocument, {}) // what comes last is told: what came before would have been
  expect(await changes(user, 1)).toHaveLength(1)
})

test('a request from a new context does not wait for its record', async () => {
  const { user, holder } = await sessionOfZurich()
  await gatehouse.sql.begin(async (held) => {
    await held`LOCK TABLE session_contexts IN ACCESS EXCLUSIVE MODE`
    await holder(lausanne, firefox).ask(MeDocument, {})
  })
  expect(await changes(user, 1)).toHaveLength(1)
})

test('contexts that are known cost no statement, nor does the usual one', async () => {
  const { user, holder, owner } = await sessionOfZurich()
  const stranger = holder(lausanne, firefox)
  await stranger.ask(MeDocument, {})
  await changes(user, 1)
  await holder(lausanne, chrome).ask(MeDocument, {})
  const statements = await countStatements(gatehouse, 'user_sessions', async () => {
    for (const client of [owner, stranger, holder(lausanne, chrome), holder(tokyo, newerChrome)]) {
      await client.ask(MeDocument, {})
    }
  })
  expect(statements).toBe(0)
})

test('whoever holds a token floods neither the log nor the mailbox of its owner', async () => {
  const { user, holder } = await sessionOfZurich()
  for (let n = 0; n < mostContextsASession + 5; n++) await holder(lausanne, `tool${n}/1.0`).ask(MeDocument, {})
  await changes(user, mostContextsASession)
  expect(await mailsAbout(gatehouse, user, moved)).toHaveLength(mostContextsASession)
})

test('of 40 new contexts at once over two servers as many are told of as there may be', async () => {
  const { user, holder } = await sessionOfZurich()
  await atOnce(40, [gatehouse, other], (server, n) => holder(lausanne, `tool${n}/1.0`, server).ask(MeDocument, {}))
  await changes(user, mostContextsASession)
  expect(await mailsAbout(gatehouse, user, moved)).toHaveLength(mostContextsASession)
  expect(await changesOf(user)).toHaveLength(mostContextsASession)
})
