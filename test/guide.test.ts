import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { accessTokenLifetimeSeconds } from '../src/access-tokens/signing-key.ts'
import {
  type Budget,
  lockSeconds,
  mailboxBudgets,
  mfaBudget,
  networkWindowSeconds,
  passwordBudget,
  smsBudgets,
  userBudgets,
} from '../src/budgets/budget.ts'
import { readConfig } from '../src/config.ts'
import { trustLifetimeSeconds } from '../src/devices/trusted-device.ts'
import {
  challengeLifetimeSeconds,
  maxChallengeAttempts,
  maxSmsSends,
  resendPauseSeconds,
  smsCodeLifetimeSeconds,
} from '../src/mfa/challenge.ts'
import { maxFactors, maxFailuresInRow } from '../src/mfa/factor.ts'
import { mostPurposes } from '../src/privacy/consent.ts'
import { elevationSeconds, refreshGraceSeconds } from '../src/sessions/session.ts'
import { ticketLifetimeSeconds } from '../src/sessions/session-limit.ts'
import {
  IssueAccessTokenDocument,
  LoginDocument,
  LogoutDocument,
  ReauthenticateDocument,
} from './support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, testKeys } from './support/gatehouse.ts'
import { guidePages, readDocument, root, tablesUnder } from './support/prose.ts'
import { startTcpProxy } from './support/tcp-proxy.ts'
import { walk } from './support/walk.ts'

const longestWalkMs = 150_000 // the walk waits for a new code twice, as a person does: up to a minute of it

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

test(
  "the guide's walk works as printed, answers included",
  async () => {
    const admin = await gatehouse.createUser({ role: 'ADMIN' })
    const { token } = await gatehouse.signedInAs(admin, ['PASSWORD'], new Date(Date.now() + longestWalkMs))
    await walk({
      paths: await guidePages(),
      environment: { GATEHOUSE: gatehouse.url, ADMIN_TOKEN: token },
      leastSteps: 30,
      longestMs: longestWalkMs,
    })
  },
  longestWalkMs,
)

test("the guide's program follows the events of its user, and misses none while its socket is lost", async ({
  onTestFinished,
}) => {
  const [, program = ''] = /```js\n([\s\S]*?)```/.exec(await readDocument('docs/guide/live-events.md')) ?? []
  const { password, ...user } = await gatehouse.createUser()
  const client = await gatehouse.signedInAs(user)
  const proxy = await startTcpProxy(gatehouse.url)
  onTestFinished(proxy.close)
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: root,
    env: { ...process.env, GATEHOUSE: proxy.url.replace(/\/$/, ''), TOKEN: client.token },
  })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => output.push(String(data)))
  await eventually(async () => {
    await client.ask(IssueAccessTokenDocument, { audience: 'shop' })
    return output.length > 0
  })
  expect(output[0]).toContain('ACCESS_TOKEN_ISSUED')
  proxy.cut()
  await gatehouse.anonymous.ask(LoginDocument, { input: { email: user.email, password } })
  proxy.restore()
  await eventually(() => output.join('').includes('LOGIN_SUCCEEDED'))
  const ended = once(child, 'exit')
  await client.ask(LogoutDocument, {})
  expect(await ended).toEqual([1, null])
  expect(output.join('')).toContain('SIGNED_OUT')
})

/** The guide's examples, which the compiler checks beside the pages that they are for. */
const example = (name: string) => import(`${root}/docs/examples/${name}`)

test("the guide's client keeps its newest token, and names each failure by its code", async () => {
  const { createBearerLink } = await example('bearer.ts')
  const { failureOf } = await example('failure.ts')
  const { possibleTypes } = await example('client.ts')
  const { password, email, id } = await gatehouse.createUser()
  const tokens = { session: null as string | null, device: null }
  const link = ApolloLink.from([createBearerLink(tokens), new HttpLink({ uri: `${gatehouse.url}/graphql` })])
  const client = new ApolloClient({ link, cache: new InMemoryCache({ possibleTypes }) })
  const login = (typed: string) =>
    client.mutate({ mutation: LoginDocument, variables: { input: { email, password: typed } } })
  const failureCode = async (work: Promise<unknown>) => failureOf(await work.catch((problem) => problem)).code

  expect(await failureCode(client.mutate({ mutation: LogoutDocument }))).toBe('UNAUTHENTICATED') // HTTP 401
  expect(await failureCode(login('not the password'))).toBe('INVALID_CREDENTIALS')
  await login(password)
  const first = tokens.session
  await client.mutate({ mutation: ReauthenticateDocument, variables: { password } })
  expect(tokens.session).not.toBe(first)
  await client.mutate({ mutation: IssueAccessTokenDocument, variables: { audience: 'shop' } })
  await client.mutate({ mutation: LogoutDocument })
  expect(await failureCode(client.mutate({ mutation: LogoutDocument }))).toBe('SESSION_ENDED')
  await gatehouse.sql`update users set status = 'SUSPENDED' where id = ${id}`
  expect(await failureCode(login(password))).toBe('ACCOUNT_SUSPENDED') // HTTP 403
  expect(failureOf(new TypeError('fetch failed'))).toEqual({ code: null })
})

test("the guide's example of live events goes on behind the last event when its socket is lost", async ({
  onTestFinished,
}) => {
  const { follow } = await example('follow.ts')
  const { password, ...user } = await gatehouse.createUser()
  const { token, ask } = await gatehouse.signedInAs(user)
  const proxy = await startTcpProxy(gatehouse.url)
  onTestFinished(proxy.close)
  const authorization = `Bearer ${token}`
  const sockets = createClient({
    url: `${proxy.url.replace('http', 'ws')}graphql`,
    connectionParams: { authorization },
    retryAttempts: 0,
  })
  const http = new HttpLink({ uri: `${gatehouse.url}/graphql`, headers: { authorization } })
  const isSubscription = ({ operationType }: ApolloLink.Operation) => operationType === 'subscription'
  const link = ApolloLink.split(isSubscription, new GraphQLWsLink(sockets), http)
  const page = new AbortController()
  onTestFinished(() => page.abort())
  const types: string[] = []
  const client = new ApolloClient({ link, cache: new InMemoryCache() })
  const following = follow(client, page.signal, ({ type }: { type: string }) => types.push(type))
  await eventually(async () => {
    await ask(IssueAccessTokenDocument, { audience: 'shop' })
    return types.length > 0
  })
  proxy.cut()
  await gatehouse.anonymous.ask(LoginDocument, { input: { email: user.email, password } })
  proxy.restore()
  await eventually(() => types.includes('LOGIN_SUCCEEDED'))
  expect(types.filter((type) => type === 'LOGIN_SUCCEEDED')).toHaveLength(1)
  page.abort()
  await following
})

/** The rows of the table under this heading, each without its last `ignored` cells. */
const tableUnder = async (firstHeading: string, ignored = 0): Promise<string[][]> =>
  (await tablesUnder('docs/guide.md', firstHeading)).map((cells) => cells.slice(0, cells.length - ignored))

const units = { day: 24 * 3600, hour: 3600, minute: 60, second: 1 }

const span = (seconds: number): string => {
  const [unit, length] = Object.entries(units).find(([, each]) => seconds % each === 0) ?? ['second', 1]
  const count = seconds / length
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

const cellsOf = ({ limit, windowSeconds }: Budget): string[] => [String(limit), span(windowSeconds)]

test("the guide's limits are those that the server holds to", async () => {
  const { networkLimit, sessionLimit } = readConfig({
    DATABASE_URL: 'postgres://localhost/gatehouse',
    REDIS_URL: 'redis://localhost',
    PUBLIC_URL: 'https://id.example.com',
    GATEHOUSE_KEYS: testKeys,
  })
  expect(await tableUnder('What is counted', 1)).toEqual([
    ['Wrong passwords for an account, by strangers together', ...cellsOf(passwordBudget)],
    ['Wrong codes of an account, over all its challenges', ...cellsOf(mfaBudget)],
    ['Wrong codes in a row for one factor', String(maxFailuresInRow), 'any time'],
    ['Codes tried at one challenge', String(maxChallengeAttempts), 'its lifetime'],
    ['Codes texted for one challenge', String(maxSmsSends), 'its lifetime'],
    ['Codes texted to one number', ...cellsOf(smsBudgets.number)],
    ['Codes texted to one number in a day', ...cellsOf(smsBudgets.numberDaily)],
    ['Codes texted for one user', ...cellsOf(smsBudgets.user)],
    ['Codes texted for one user in a day', ...cellsOf(smsBudgets.userDaily)],
    ['Codes texted at the request of one network', ...cellsOf(smsBudgets.network)],
    ['Texted codes that nobody enters, to numbers that begin alike', ...cellsOf(smsBudgets.unansweredPrefix)],
    ['Texted codes that nobody enters, to one country', ...cellsOf(smsBudgets.unansweredCountryDaily)],
    ['Mails to confirm an address, to one mailbox', ...cellsOf(mailboxBudgets.confirmations)],
    ['Changes of address that one user asks for', ...cellsOf(mailboxBudgets.addressChanges)],
    ['Mails to reset a password, to one mailbox', ...cellsOf(mailboxBudgets.resets)],
    ['Mails that tell of a lock, to one user', ...cellsOf(mailboxBudgets.locks)],
    ['Mails that tell of a refused sign-in, to one user', ...cellsOf(mailboxBudgets.refusals)],
    [
      'Wrong answers, registrations and resets, each for itself, from one network',
      `\`NETWORK_LIMIT\`, ${networkLimit} in production`,
      span(networkWindowSeconds),
    ],
    ['Second factors of a user', String(maxFactors), ''],
    ["Refreshes of a user's sessions", ...cellsOf(userBudgets.refreshes)],
    ['Access tokens of a user', ...cellsOf(userBudgets.accessTokens)],
    ["Exports of a user's data", ...cellsOf(userBudgets.exports)],
    ['Decisions of a user about consents', ...cellsOf(userBudgets.consents)],
    ['Purposes that a user decided on', String(mostPurposes), ''],
    ['Sessions of a user', `\`SESSION_LIMIT\`, ${sessionLimit.mostSessions} unless set`, ''],
  ])
})

test("the guide's lifetimes are those that the server holds to", async () => {
  expect(await tableUnder('What ends by itself')).toEqual([
    ['The lock of an account', span(lockSeconds)],
    ['A challenge', span(challengeLifetimeSeconds)],
    ['The code in a text message', span(smsCodeLifetimeSeconds)],
    ['The pause before another text message', span(resendPauseSeconds)],
    ['A fresh proof', span(elevationSeconds)],
    ['The trust in a device', span(trustLifetimeSeconds)],
    ['The ticket of a reached session limit', span(ticketLifetimeSeconds)],
    ['The grace of a refreshed token', span(refreshGraceSeconds)],
    ['An access token for another service', span(accessTokenLifetimeSeconds)],
  ])
})
