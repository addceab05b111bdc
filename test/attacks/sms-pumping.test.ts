import { randomInt, randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { smsBudgets } from '../../src/budgets/budget.ts'
import { expectUnharmed } from '../support/attack.ts'
import type { Answer, Client } from '../support/client.ts'
import {
  EnrolMfaDocument,
  LoginDocument,
  RegisterDocument,
  SendMfaCodeDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { eventsWhere, timesOfAll } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { beginPhoneEnrolment, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { startTwilioServer } from '../support/twilio-server.ts'

const hour = 60 * 60

let twilio: Awaited<ReturnType<typeof startTwilioServer>>
beforeAll(async () => {
  twilio = await startTwilioServer()
})
afterAll(() => twilio.close())

let gatehouse: Gatehouse // its database, and so its budgets, for each test
let other: Gatehouse
beforeEach(async () => {
  twilio.messages.splice(0)
  const config = { twilio: twilio.settings, trustedProxies: ['127.0.0.1'] }
  gatehouse = await startGatehouse({ config })
  other = await startGatehouse({ config, databaseUrl: gatehouse.databaseUrl })
})
afterEach(async () => {
  await other.close()
  await gatehouse.close()
})

let exchange = 200
/** A number with a prefix of its own. */
const newPhone = () => `+1415${exchange++}${randomInt(1000, 10_000)}`
const from = (client: Client, address: string) => client.with({ 'x-forwarded-for': address })
const ofBotnet = (client: Client, turn: number) => from(client, `198.51.${Math.floor(turn / 250)}.${1 + (turn % 250)}`)
const advanceClocks = (seconds: number) => {
  for (const server of [gatehouse, other]) server.advanceClock(seconds)
}

type Send = Answer<unknown>

const send = (client: Client, challengeId: string): Promise<Send> =>
  client.send(SendMfaCodeDocument, { input: { challengeId } })

/** A new user enrols a number and has a code sent to it, from one address. */
const enrolAndSend = async (server: Gatehouse, phone: string, address: string): Promise<Send> => {
  const client = from(await server.signedInAs(await server.createUser()), address)
  const { challenge } = await beginPhoneEnrolment(client, phone)
  return send(client, challenge.id)
}

/** A sign-in of a user has a code sent. */
const loginAndSend = async (client: Client, user: TestUser): Promise<Send> =>
  send(client, await loginChallenge(client, user))

/** What came of sends: as many went out as were granted, the others were told when to come back, each recorded once. */
const expectLimited = async (answers: readonly Send[], granted: number) => {
  expect(tally(answers)).toEqual({ OK: granted, RATE_LIMITED: answers.length - granted })
  expect(twilio.messages).toHaveLength(granted)
  for (const { errors, headers, status } of answers.filter((answer) => answer.errors)) {
    const seconds = Number(errors?.[0]?.extensions.retryAfterSeconds)
    expect(seconds).toBeGreaterThan(0)
    expect({ status, retryAfter: headers.get('retry-after') }).toEqual({ status: 429, retryAfter: String(seconds) })
  }
  const refusals = await eventsWhere(gatehouse, { types: ['RATE_LIMITED'] })
  expect(timesOfAll(refusals)).toBe(answers.length - granted)
  expect(refusals.every(({ details }) => details.limit === 'sms' || details.various)).toBe(true)
}

const usedBudgets = () => gatehouse.sql`
  SELECT subject, used FROM attempt_budgets WHERE subject LIKE 'sms %' AND used > 0 ORDER BY subject`

describe('C1: messages that nobody answers are bounded', () => {
  test(`to ${smsBudgets.unansweredPrefix.limit} an hour for numbers that differ in four digits, over many users, addresses and servers`, async () => {
    const numbers = Array.from(
      { length: smsBudgets.unansweredPrefix.limit + 30 },
      (_none, turn) => `+1415600${1000 + turn}`,
    )
    const answers: Send[] = []
    for (let begun = 0; begun < numbers.length; begun += 10) {
      const batch = await atOnce(10, [gatehouse, other], (server, turn) =>
        enrolAndSend(server, numbers[begun + turn] ?? '', `198.51.100.${1 + ((begun + turn) % 50)}`),
      )
      answers.push(...batch)
    }
    await expectLimited(answers, smsBudgets.unansweredPrefix.limit)
    await expectUnharmed(gatehouse, { secrets: numbers, answers })

    expect(tally([await enrolAndSend(gatehouse, newPhone(), '198.51.100.1')])).toEqual({ OK: 1 })
    advanceClocks(hour + 1)
    expect(tally([await enrolAndSend(other, numbers.at(-1) ?? '', '198.51.100.1')])).toEqual({ OK: 1 })
  }, 120_000)

  test('by day for a country, and other countries go on', async () => {
    const { limit, windowSeconds } = smsBudgets.unansweredCountryDaily
    const ends = new Date(gatehouse.now().getTime() + windowSeconds * 1000).toISOString()
    await gatehouse.sql`
      INSERT INTO attempt_budgets (subject, used, window_ends_at) VALUES ('sms enrolment country US', ${limit - 1}, ${ends})`
    const answers: Send[] = []
    for (const turn of [1, 2, 3]) answers.push(await enrolAndSend(gatehouse, newPhone(), `198.51.100.${turn}`))
    await expectLimited(answers, 1)
    for (const phone of ['+14165550123', '+31612345678']) {
      expect(tally([await enrolAndSend(gatehouse, phone, '198.51.100.9')])).toEqual({ OK: 1 })
    }
  })

  test('while people who enter their codes are not: each gives back what it took', async () => {
    const prefix = `+1415${exchange++}`
    const people = smsBudgets.unansweredPrefix.limit + 2
    for (let turn = 0; turn < people; turn++) {
      const user = await gatehouse.createUser()
      const phone = await gatehouse.givePhone(user, `${prefix}${1000 + turn}`)
      const client = ofBotnet(gatehouse.anonymous, turn)
      const challengeId = await loginChallenge(client, user)
      expect(tally([await send(client, challengeId)])).toEqual({ OK: 1 })
      await completeChallenge(client, challengeId, twilio.lastCodeTo(phone) ?? 'none', 'SignedIn')
    }
    await eventually(async () => (await usedBudgets()).every(({ subject }) => !/prefix|country/.test(subject)))
  }, 60_000)
})

describe('C1: messages are bounded', () => {
  test('for one number, however it is spelled and whoever asks, by hour and by day', async () => {
    const phone = newPhone()
    const [area, local] = [phone.slice(5, 8), phone.slice(8)]
    const spellings = [phone, `+1 (415) ${area}-${local}`, `tel:+1-415-${area}-${local}`, `＋1 415 ${area} ${local}`]
    const attack = (tries: number) =>
      atOnce(tries, [gatehouse, other], (server, turn) =>
        enrolAndSend(server, spellings[turn % spellings.length] ?? '', `198.51.100.${1 + turn}`),
      )
    const first = await attack(30)
    await expectLimited(first, smsBudgets.number.limit)
    advanceClocks(hour + 1)
    const second = await attack(15)
    await expectLimited([...first, ...second], smsBudgets.numberDaily.limit)
    advanceClocks(hour + 1)
    const third = await attack(5)
    await expectLimited([...first, ...second, ...third], smsBudgets.numberDaily.limit)
    expect(new Set(twilio.messages.map(({ to }) => to))).toEqual(new Set([phone]))
    await expectUnharmed(gatehouse, { secrets: [phone, phone.slice(1), phone.slice(2)], answers: third })

    advanceClocks(22 * hour)
    expect(tally(await attack(1))).toEqual({ OK: 1 })
  }, 60_000)

  test('for one user over all numbers, by hour and by day', async () => {
    const user = await gatehouse.createUser()
    const phones = Array.from({ length: 5 }, newPhone)
    for (const phone of phones) await gatehouse.givePhone(user, phone)
    const { email, password } = user
    const attack = (tries: number) =>
      atOnce(tries, [gatehouse, other], async ({ anonymous }, turn) => {
        const client = ofBotnet(anonymous, turn)
        const { login } = await client.ask(LoginDocument, { input: { email, password } })
        if (login.__typename !== 'MfaRequired') throw new Error('No second factor was asked for')
        const { id, factors } = login.challenge
        const factorId = factors[turn % phones.length]?.id ?? ''
        return client.send(SendMfaCodeDocument, { input: { challengeId: id, factorId } }) as Promise<Send>
      })
    const first = await attack(20)
    await expectLimited(first, smsBudgets.user.limit)
    advanceClocks(hour + 1)
    const second = await attack(15)
    await expectLimited([...first, ...second], smsBudgets.userDaily.limit)
    advanceClocks(hour + 1)
    await expectLimited([...first, ...second, ...(await attack(5))], smsBudgets.userDaily.limit)
  }, 60_000)

  test.each([
    ['one address', () => '203.0.113.7', '203.0.113.8'],
    ['one IPv6 network', (turn: number) => `2001:db8:1:2::${(turn + 1).toString(16)}`, '2001:db8:1:3::1'],
  ])(
    'for %s over many users and numbers',
    async (_which, addressOf, neighbour) => {
      const { limit } = smsBudgets.network
      const answers: Send[] = []
      for (let begun = 0; begun < limit + 20; begun += 10) {
        const batch = await atOnce(10, [gatehouse, other], (server, turn) =>
          enrolAndSend(server, newPhone(), addressOf(begun + turn)),
        )
        answers.push(...batch)
      }
      await expectLimited(answers, limit)
      expect(tally([await enrolAndSend(gatehouse, newPhone(), neighbour)])).toEqual({ OK: 1 })
    },
    60_000,
  )

  test('and a refused one takes of no other limit: it can not use up what belongs to somebody else', async () => {
    const phone = newPhone()
    await atOnce(smsBudgets.number.limit, [gatehouse], (server, turn) =>
      enrolAndSend(server, phone, `198.51.100.${1 + turn}`),
    )
    const before = await usedBudgets()
    for (let turn = 0; turn < 8; turn++) {
      expect(tally([await enrolAndSend(gatehouse, phone, '198.51.100.99')])).toEqual({ RATE_LIMITED: 1 })
    }
    expect(await usedBudgets()).toEqual(before)
    advanceClocks(hour + 1)
    expect(tally([await enrolAndSend(gatehouse, phone, '198.51.100.99')])).toEqual({ OK: 1 })
  })

  test('A17: strangers who enrol a number over and over leave its owner the codes to sign in by', async () => {
    const phone = newPhone()
    const user = await gatehouse.createUser()
    await gatehouse.givePhone(user, phone)
    await atOnce(smsBudgets.number.limit + 5, [gatehouse, other], (server, turn) =>
      enrolAndSend(server, phone, `198.51.100.${1 + turn}`),
    )
    expect(tally([await loginAndSend(gatehouse.anonymous, user)])).toEqual({ OK: 1 })
  })

  test.each([
    ['countries that are not on the list', ['+992917123456', '+2348031234567', '+8801712345678', '+37410123456']],
    ['premium numbers', ['+19002345678', '+449012345678', '+4990012345678']],
    ['toll-free, shared-cost and personal numbers', ['+18002345678', '+448081234567', '+447012345678']],
    ['fixed lines', ['+442079460123', '+493012345678', '+33123456789']],
  ])('to none for %s', async (_which, numbers) => {
    const session = await gatehouse.signedInAs(await gatehouse.createUser())
    const requests = twilio.requests()
    for (const phoneNumber of numbers) {
      const { extensions } = await session.refused(EnrolMfaDocument, { input: { method: 'SMS', phoneNumber } })
      expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'input.phoneNumber' }] })
    }
    expect(twilio.requests()).toBe(requests)
    expect(await usedBudgets()).toEqual([])
  })
})

describe('C3: nobody has a message sent', () => {
  test('without the password, whatever they ask for', async () => {
    const user = await gatehouse.createUser()
    await gatehouse.givePhone(user, newPhone())
    const { anonymous } = gatehouse
    const requests = twilio.requests()
    const wrong = { email: user.email, password: 'not the password of anybody' }
    const answers: Send[] = [
      await anonymous.send(LoginDocument, { input: wrong }),
      await anonymous.send(RegisterDocument, { input: { email: user.email, password: user.password } }),
      await anonymous.send(EnrolMfaDocument, { input: { method: 'SMS', phoneNumber: newPhone() } }),
    ]
    for (const challengeId of [randomUUID(), user.id, '', "' OR 1=1 --"])
      answers.push(await send(anonymous, challengeId))
    expect(tally(answers)).toEqual({ INVALID_CREDENTIALS: 1, OK: 1, UNAUTHENTICATED: 1, CHALLENGE_EXPIRED: 4 })
    expect(twilio.requests()).toBe(requests)
    expect(await usedBudgets()).toEqual([])
    await expectUnharmed(gatehouse, { secrets: [], answers })
  })

  test('for a challenge that another session holds', async () => {
    const owner = await gatehouse.signedInAs(await gatehouse.createUser())
    const stranger = await gatehouse.signedInAs(await gatehouse.createUser())
    const { challenge } = await beginPhoneEnrolment(owner, newPhone())
    const [foreign, unknown] = [await send(stranger, challenge.id), await send(stranger, randomUUID())]
    expect(tally([foreign, unknown])).toEqual({ CHALLENGE_EXPIRED: 2 })
    expect(foreign.text).toBe(unknown.text)
    expect(twilio.messages).toEqual([])
  })

  test('and nobody learns whether a number is taken: it is enrolled like any other', async () => {
    const taken = newPhone()
    await gatehouse.givePhone(await gatehouse.createUser(), taken)
    const shapes = []
    for (const phone of [taken, newPhone().replace(/\d\d$/, taken.slice(-2))]) {
      const session = await gatehouse.signedInAs(await gatehouse.createUser())
      const enrolment = await session.send(EnrolMfaDocument, { input: { method: 'SMS', phoneNumber: phone } })
      const begun = enrolment.data?.enrolMfa
      const sent = await send(session, begun?.__typename === 'SmsEnrolment' ? begun.challenge.id : '')
      const varying = /"id":"[^"]+"|\d{4}-\d\d-\d\dT[\d:.]+Z/g
      shapes.push([enrolment, sent].map(({ status, text }) => ({ status, text: text.replace(varying, '…') })))
    }
    expect(shapes[0]).toEqual(shapes[1])
    expect(twilio.messages).toHaveLength(2)
  })
})
