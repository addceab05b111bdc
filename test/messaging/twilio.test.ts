import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { secondsAfter, systemClock } from '../../src/lib/clock.ts'
import { DeliveryFailed, UndeliverableNumber } from '../../src/messaging/sms.ts'
import { createTwilioSms, type TwilioSms } from '../../src/messaging/twilio.ts'
import { eventually } from '../support/gatehouse.ts'
import { startTwilioServer, type TwilioBehaviour } from '../support/twilio-server.ts'

const sms = { to: '+14155550123', text: '271828 is your Gatehouse code' }

let twilio: Awaited<ReturnType<typeof startTwilioServer>>
let skew: number
let logged: object[]
let send: TwilioSms
beforeEach(async () => {
  twilio = await startTwilioServer()
  skew = 0
  logged = []
  send = over(twilio.settings)
})
afterEach(() => twilio.close())

const over = (settings: typeof twilio.settings): TwilioSms =>
  createTwilioSms({
    ...settings,
    now: () => secondsAfter(systemClock(), skew),
    log: { warn: (...line: unknown[]) => void logged.push(line) },
  })

/** The error of a send that fails, and how long that took. */
const failure = async (sending = send(sms)): Promise<{ problem: unknown; seconds: number }> => {
  const begun = performance.now()
  const problem: unknown = await sending.then(
    () => 'it went out',
    (reason) => reason,
  )
  return { problem, seconds: (performance.now() - begun) / 1000 }
}

const failWith = async (behaviour: TwilioBehaviour, times: number): Promise<void> => {
  twilio.behave(behaviour)
  for (let count = 0; count < times; count++) expect((await failure()).problem).toBeInstanceOf(DeliveryFailed)
}

describe('a message', () => {
  test('goes out once, from the phone number', async () => {
    await send(sms)
    expect(twilio.messages).toEqual([{ to: sms.to, from: '+15005550006', body: sms.text }])
    expect(twilio.requests()).toBe(1)
    expect(twilio.lastCodeTo(sms.to)).toBe('271828')
  })

  test('goes out from a Messaging Service where the sender is the SID of one', async () => {
    const from = `MG${'0123456789abcdef'.repeat(2)}`
    await over({ ...twilio.settings, from })(sms)
    expect(twilio.messages).toMatchObject([{ from }])
  })

  test('goes to apiUrl, whatever region the environment names', async () => {
    process.env.TWILIO_REGION = 'ie1'
    try {
      await over({ ...twilio.settings, apiUrl: twilio.url.replace('127.0.0.1', 'localhost') })(sms)
    } finally {
      delete process.env.TWILIO_REGION
    }
    expect(twilio.messages).toHaveLength(1)
  })
})

describe('a refusal', () => {
  test('of the number says that it is undeliverable, and never makes Twilio count as down', async () => {
    twilio.behave('invalid')
    for (let count = 0; count < 10; count++) expect((await failure()).problem).toBeInstanceOf(UndeliverableNumber)
    expect(twilio.requests()).toBe(10)
  })

  test('of our credentials is a failed delivery, and is logged with its code', async () => {
    const { problem } = await failure(over({ ...twilio.settings, authToken: 'another' })(sms))
    expect(problem).toMatchObject({ name: 'DeliveryFailed', retryAfterSeconds: null, cause: { status: 401 } })
    expect(logged).toEqual([[{ twilioStatus: 401, twilioCode: 20003 }, expect.any(String)]])
  })

  test('with Retry-After is not tried again, and pauses all sends for that long', async () => {
    twilio.behave('rate-limited')
    expect((await failure()).problem).toMatchObject({ name: 'DeliveryFailed', retryAfterSeconds: 7 })
    twilio.behave('ok')
    skew += 5
    expect((await failure()).problem).toMatchObject({ name: 'DeliveryFailed', retryAfterSeconds: 2 })
    expect(twilio.requests()).toBe(1)
    skew += 2
    await send(sms)
    expect(twilio.requests()).toBe(2)
  })

  test('asking for a pause of an hour gets a minute', async () => {
    twilio.behave('rate-limited', '3600')
    expect((await failure()).problem).toMatchObject({ retryAfterSeconds: 60 })
    twilio.behave('ok')
    skew += 60
    await send(sms)
  })
})

describe('a fault', () => {
  test.each(['error', 'refuse'] as const)('of the kind "%s" is a failed delivery, tried once', async (behaviour) => {
    await failWith(behaviour, 1)
    expect(twilio.requests()).toBe(1)
  })

  test('of a server that is not there is a failed delivery', async () => {
    await twilio.close()
    expect((await failure()).problem).toMatchObject({ name: 'DeliveryFailed', cause: { code: 'ECONNREFUSED' } })
  })

  test.each(['hang', 'drip'] as const)(
    'of the kind "%s" is a failed delivery within 2.5 s, and ends the connection',
    async (behaviour) => {
      twilio.behave(behaviour)
      const { problem, seconds } = await failure()
      expect(problem).toBeInstanceOf(DeliveryFailed)
      expect(seconds).toBeLessThan(2.5)
      await eventually(() => twilio.connections().open === 0)
    },
  )
})

test('200 sends at once against a hanging Twilio hold 20 connections and fail within 2.5 s', async () => {
  twilio.behave('hang')
  const failures = await Promise.all(Array.from({ length: 200 }, () => failure()))
  for (const { problem } of failures) expect(problem).toBeInstanceOf(DeliveryFailed)
  expect(Math.max(...failures.map(({ seconds }) => seconds))).toBeLessThan(2.5)
  expect(failures.filter(({ seconds }) => seconds < 1)).toHaveLength(180)
  expect(twilio.connections().ever).toBe(20)

  twilio.behave('ok')
  skew += 10
  await send(sms)
  await Promise.all(Array.from({ length: 20 }, () => send(sms)))
  expect(twilio.messages).toHaveLength(21)
})

describe('after five faults in a row', () => {
  test('sends fail at once for ten seconds, and Twilio gets no request', async () => {
    await failWith('error', 5)
    twilio.behave('ok')
    skew += 9
    expect((await failure()).problem).toMatchObject({ name: 'DeliveryFailed', retryAfterSeconds: 1 })
    expect(twilio.requests()).toBe(5)
    skew += 1
    await send(sms)
    await send(sms)
    expect(twilio.messages).toHaveLength(2)
  })

  test('one send at a time tries whether Twilio is back', async () => {
    await failWith('error', 5)
    for (const requests of [6, 7]) {
      skew += 10
      const failures = await Promise.all(Array.from({ length: 10 }, () => failure()))
      for (const { problem } of failures) expect(problem).toBeInstanceOf(DeliveryFailed)
      expect(twilio.requests()).toBe(requests)
    }
  })

  test('fewer than five, or others with an answer among them, stop nothing', async () => {
    await failWith('error', 4)
    twilio.behave('ok')
    await send(sms)
    await failWith('refuse', 4)
    twilio.behave('ok')
    await send(sms)
    expect(twilio.messages).toHaveLength(2)
  })
})

test('no error, cause or log line holds the token, the number or the text', async () => {
  const problems: unknown[] = []
  for (const behaviour of ['invalid', 'error', 'refuse', 'hang', 'rate-limited'] as const) {
    twilio.behave(behaviour)
    problems.push((await failure(over(twilio.settings)(sms))).problem)
  }
  await twilio.close()
  problems.push((await failure(over(twilio.settings)(sms))).problem)
  const shown = inspect([problems, logged], { depth: 5, showHidden: true })
  expect(shown).toContain('21211')
  const { accountSid, authToken } = twilio.settings
  const credentials = Buffer.from(`${accountSid}:${authToken}`).toString('base64')
  for (const secret of [authToken, credentials, sms.to.slice(1), sms.text, '271828'])
    expect(shown).not.toContain(secret)
})
