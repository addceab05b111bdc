import twilio from 'twilio'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logger.ts'
import { traced } from '../lib/request-scope.ts'
import { DeliveryFailed, type SendSms, type Sms, UndeliverableNumber } from './sms.ts'

const deadlineMs = 2_000
const mostUnderWay = 20 // what a hanging Twilio may hold of us
const mostFaults = 5
const pauseSeconds = 10
const longestPauseSeconds = 60
// https://www.twilio.com/docs/api/errors: no such number, geographic permissions, unsubscribed, not a mobile number …
const undeliverable: readonly unknown[] = [21211, 21214, 21217, 21219, 21408, 21610, 21612, 21614, 30006]

interface TwilioOptions {
  readonly accountSid: string
  readonly authToken: string
  /** A phone number, or the SID of a Messaging Service, which begins with MG. */
  readonly from: string
  /** Null: Twilio's own. */
  readonly apiUrl: string | null
  readonly log?: Pick<Logger, 'warn'>
  readonly now: Clock
}

export interface TwilioSms {
  (sms: Sms): ReturnType<SendSms>
  /** Whether Twilio is given a pause, so that sends fail at once. */
  isPaused(): boolean
}

/**
 * Sends over Twilio's Programmable Messaging, each message once at most. A Twilio that hangs, fails or asks for a pause is
 * given one: sends then fail at once. No error or log line holds the number, the text or the token.
 */
export const createTwilioSms = ({ accountSid, authToken, from, apiUrl, log, now }: TwilioOptions): TwilioSms => {
  const client = createClient(accountSid, authToken, apiUrl)
  const sender = from.startsWith('MG') ? { messagingServiceSid: from } : { from }
  const breaker = createBreaker(now)
  let underWay = 0

  const send = async ({ to, text }: Sms): Promise<void> => {
    if (underWay >= mostUnderWay) throw new DeliveryFailed('Too many text messages are under way', null)
    const secondsToWait = breaker.admit()
    if (secondsToWait > 0) throw new DeliveryFailed('Twilio is given a pause', secondsToWait)
    underWay++
    try {
      await traced('twilio', 'send', () => client.messages.create({ to, body: text, ...sender }))
      breaker.noteAnswer(0)
    } catch (problem) {
      const { status, code, retryAfterSeconds } = problem instanceof Refusal ? problem : noAnswer(problem)
      if (status === null || status >= 500) breaker.noteFault()
      else breaker.noteAnswer(retryAfterSeconds ?? 0)
      log?.warn({ twilioStatus: status, twilioCode: code }, 'Twilio did not take a text message')
      const cause = Object.assign(new Error(`Twilio answered with status ${status}, code ${code}`), { status, code })
      if (undeliverable.includes(code))
        throw new UndeliverableNumber('Twilio does not deliver to the number', { cause })
      throw new DeliveryFailed('Twilio did not take the message', retryAfterSeconds, cause)
    } finally {
      underWay--
    }
  }
  return Object.assign(send, { isPaused: breaker.isClosed })
}

/** An answer that is no success. Twilio's own RestException quotes the number, and has no headers. */
class Refusal extends Error {
  readonly status: number
  readonly code: number | null
  readonly retryAfterSeconds: number | null

  constructor(status: number, body: unknown, retryAfter: unknown) {
    super()
    const code = Object(body).code
    const seconds = status === 429 ? Math.ceil(Number(retryAfter)) : 0
    this.status = status
    this.code = Number.isInteger(code) ? code : null
    this.retryAfterSeconds = seconds > 0 ? Math.min(seconds, longestPauseSeconds) : null
  }
}

/** An error of axios holds the whole request; its code (ECONNREFUSED, ERR_CANCELED) is a word. */
const noAnswer = (problem: unknown) => ({ status: null, code: Object(problem).code ?? null, retryAfterSeconds: null })

const createClient = (accountSid: string, authToken: string, apiUrl: string | null): twilio.Twilio => {
  const httpClient = new twilio.RequestClient({ timeout: deadlineMs })
  // Axios' own timeout begins anew with every byte, and does not reach through a proxy.
  httpClient.axios.interceptors.request.use((request) => ({ ...request, signal: AbortSignal.timeout(deadlineMs) }))
  httpClient.axios.interceptors.response.use((response) => {
    const { status, data, headers } = response
    if (status < 200 || status >= 300) throw new Refusal(status, data, headers['retry-after'])
    return response
  })
  // The empty ones keep the client from reading TWILIO_EDGE and TWILIO_REGION, which rewrite the host of apiUrl.
  const client = twilio(accountSid, authToken, { httpClient, edge: '', region: '' })
  if (apiUrl) client.api.baseUrl = apiUrl
  return client
}

const createBreaker = (now: Clock) => {
  let faults = 0
  let closedUntil = 0
  const closeFor = (seconds: number) => {
    closedUntil = Math.max(closedUntil, now().getTime() + seconds * 1000)
  }
  return {
    isClosed: (): boolean => closedUntil > now().getTime(),
    /** The seconds to wait, or 0 for whoever may go on: after a pause for faults one only, until it is known how that went. */
    admit(): number {
      const left = closedUntil - now().getTime()
      if (left > 0) return Math.ceil(left / 1000)
      if (faults >= mostFaults) closeFor(pauseSeconds)
      return 0
    },
    noteAnswer(retryAfterSeconds: number): void {
      if (faults >= mostFaults) closedUntil = 0
      faults = 0
      closeFor(retryAfterSeconds)
    },
    noteFault(): void {
      faults++
      if (faults >= mostFaults) closeFor(pauseSeconds)
    },
  }
}
