import { afterAll, beforeAll, expect, test } from 'vitest'
import { mailboxBudgets } from '../../src/budgets/budget.ts'
import { expectUnharmed } from '../support/attack.ts'
import type { Answer, Client } from '../support/client.ts'
import { RequestPasswordResetDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { countTypes, eventsWhere, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { fromElsewhere, mailedResetToken, resetPassword, tokensTo } from '../support/recovery.ts'

const timeout = 120_000
const aThousand = 1_000
const inParallel = 25
const networkLimit = 300
const { limit: mailboxLimit } = mailboxBudgets.resets

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse({ config: { trustedProxies: ['127.0.0.1'], networkLimit } })
})
afterAll(() => gatehouse.close())

const ask = (client: Client, email: string) => client.send(RequestPasswordResetDocument, { email })

/** Sends a thousand requests, some at a time. */
const flood = async (send: (turn: number) => Promise<Answer<unknown>>): Promise<Answer<unknown>[]> => {
  const answers: Answer<unknown>[] = []
  while (answers.length < aThousand) {
    const first = answers.length
    answers.push(...(await atOnce(inParallel, [first], (start, turn) => send(start + turn))))
  }
  return answers
}

/** All that a caller sees of an answer, less what is its own. */
const seen = ({ status, headers, text }: Answer<unknown>) =>
  JSON.stringify([
    status,
    [...headers].filter(([name]) => !['date', 'x-request-id', 'content-length'].includes(name)),
    text.replace(/"email":"[^"]+"/, '"email":…').replace(/"expiresAt":"[^"]+"/, '"expiresAt":…'),
  ])

const expectConstant = (answers: readonly Answer<unknown>[]) => {
  expect(tally(answers)).toEqual({ OK: answers.length })
  expect(new Set(answers.map(seen)).size).toBe(1)
}

const queueIsEmpty = () =>
  eventually(
    async () => (await gatehouse.sql`SELECT id FROM outgoing_messages WHERE sent_at IS NULL LIMIT 1`).length === 0,
  )

test('E12: a thousand requests for one mailbox, from all over the world, send it ten mails and are answered alike', {
  timeout,
}, async () => {
  const user = await gatehouse.createUser()
  const answers = await flood(() => ask(fromElsewhere(gatehouse.anonymous), user.email))
  expectConstant(answers)
  await queueIsEmpty()
  expect(await gatehouse.mailTo(user.email)).toHaveLength(mailboxLimit)
  const counts = countTypes(await historyOf(gatehouse, user))
  expect(counts).toEqual({ PASSWORD_RESET_REQUESTED: aThousand })

  // Requests at once are mailed in another order than they took the account's lock in: the last of these counts.
  const tokens = await tokensTo(gatehouse, user.email, mailboxLimit)
  const resets: Answer<unknown>[] = []
  for (const token of tokens)
    resets.push(await resetPassword(fromElsewhere(gatehouse.anonymous), token, 'still the owner of this one'))
  expect(tally(resets)).toEqual({ OK: 1, TOKEN_INVALID: mailboxLimit - 1 })
  await expectUnharmed(gatehouse, { secrets: tokens, answers: answers.slice(0, 50) })
})

test('E12: a thousand requests for a mailbox without an account are answered and counted in the same way', {
  timeout,
}, async () => {
  const answers = await flood(() => ask(fromElsewhere(gatehouse.anonymous), 'e12-nobody@example.com'))
  const known = await ask(fromElsewhere(gatehouse.anonymous), (await gatehouse.createUser()).email)
  expectConstant([...answers, known])
  const denied = await eventsWhere(gatehouse, { types: ['PASSWORD_RESET_REQUESTED'], outcomes: ['DENIED'] })
  const reasons = Map.groupBy(
    denied.filter(({ user }) => !user),
    ({ details }) => String(details.reason),
  )
  expect([reasons.get('unknown address')?.length, reasons.get('too many')?.length]).toEqual([
    mailboxLimit,
    aThousand - mailboxLimit,
  ])
})

test('E12: a thousand requests for a thousand mailboxes from one network send no more mails than one network may set off, and are answered alike', {
  timeout,
}, async () => {
  const network = fromElsewhere(gatehouse.anonymous)
  const users = await atOnce(aThousand, [gatehouse], (server) => server.createUser())
  const [{ mails: before } = { mails: 0 }] = await gatehouse.sql`SELECT count(*)::int AS mails FROM outgoing_messages`
  expectConstant(await flood((turn) => ask(network, users[turn]?.email ?? '')))
  await queueIsEmpty()
  const [{ mails: after } = { mails: 0 }] = await gatehouse.sql`SELECT count(*)::int AS mails FROM outgoing_messages`
  expect(after - before).toBe(networkLimit)

  const victim = await gatehouse.createUser()
  await ask(network, victim.email)
  expect(await gatehouse.sql`SELECT FROM password_resets WHERE user_id = ${victim.id}`).toHaveLength(0)
  await mailedResetToken({ ...gatehouse, anonymous: fromElsewhere(gatehouse.anonymous) }, victim)
})
