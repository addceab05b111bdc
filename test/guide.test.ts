import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
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
import { IssueAccessTokenDocument, LoginDocument, LogoutDocument } from './support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, testKeys } from './support/gatehouse.ts'
import { startTcpProxy } from './support/tcp-proxy.ts'
import { readDocument, root, walk } from './support/walk.ts'

const path = 'docs/guide.md'
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
      path,
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
  const [, program = ''] = /```js\n([\s\S]*?)```/.exec(await readDocument(path)) ?? []
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

/** The rows of the table under this heading, each without its last `ignored` cells. */
const tableUnder = async (firstHeading: string, ignored = 0): Promise<string[][]> => {
  const lines = (await readDocument(path)).split('\n')
  const start = lines.findIndex((line) => line.startsWith(`| ${firstHeading} |`))
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'))
  return lines.slice(start + 2, end).map((line) => {
    const cells = line.split('|').slice(1, -1)
    return cells.slice(0, cells.length - ignored).map((cell) => cell.trim())
  })
}

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
    ['Decisions of a user on consents', ...cellsOf(userBudgets.consents)],
    ['Purposes that a user decided on', String(mostPurposes), ''],
    ['Exports of a user', ...cellsOf(userBudgets.exports)],
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

/** The anchors of a document's headings, as GitHub names them. */
const anchorsOf = async (path: string): Promise<string[]> => {
  const text = (await readDocument(path)).replaceAll(/^```[\s\S]*?^```/gm, '')
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test('every link to a heading leads to one', async () => {
  const files = (await readdir(join(root, 'docs'), { recursive: true })).filter((file) => file.endsWith('.md'))
  const documents = ['README.md', ...files.map((file) => join('docs', file))]
  const dead: string[] = []
  let links = 0
  for (const document of documents) {
    for (const [link, target = '', anchor = ''] of (await readDocument(document)).matchAll(
      /\]\(([^()\s:#]*)#([^()\s]+)\)/g,
    )) {
      links++
      const anchors = await anchorsOf(target ? join(document, '..', target) : document)
      if (!anchors.includes(anchor)) dead.push(`${document}: ${link}`)
    }
  }
  expect(dead).toEqual([])
  expect(links).toBeGreaterThan(10)
})
