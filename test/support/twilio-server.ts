import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'

const accountSid = `AC${'0123456789abcdef'.repeat(2)}`
const authToken = 'only-for-this-test-token'

export interface TwilioMessage {
  readonly to: string
  /** A phone number, or the SID of a Messaging Service. */
  readonly from: string
  readonly body: string
}

interface Answer {
  readonly status: number
  readonly body: object
}

/** `drip` begins an answer that never ends; `refuse` ends the connection without one. */
export type TwilioBehaviour = 'ok' | 'invalid' | 'rate-limited' | 'error' | 'hang' | 'drip' | 'refuse'

/** A server on loopback that takes messages as Twilio's API does, until it is told to behave otherwise. */
export const startTwilioServer = async () => {
  const messages: TwilioMessage[] = []
  const sockets = new Set<Socket>()
  let behaviour: TwilioBehaviour = 'ok'
  let retryAfter = ''
  let requests = 0
  let connections = 0

  const take = (form: URLSearchParams): Answer => {
    const [to, body] = [form.get('To'), form.get('Body')]
    const from = form.get('From') ?? form.get('MessagingServiceSid')
    if (!to) return refusal(400, 21604, "A 'To' phone number is required.")
    if (!from) return refusal(400, 21603, "A 'From' phone number is required.")
    if (!body) return refusal(400, 21602, 'Message body is required.')
    messages.push({ to, from, body })
    const sid = `SM${String(messages.length).padStart(32, '0')}`
    return { status: 201, body: { sid, account_sid: accountSid, to, from, body, status: 'queued', error_code: null } }
  }

  const answerTo = ({ method, url, headers }: IncomingMessage, form: URLSearchParams): Answer | null => {
    if (method !== 'POST' || url !== `/2010-04-01/Accounts/${accountSid}/Messages.json`) {
      return refusal(404, 20404, `The requested resource ${url} was not found`)
    }
    const credentials = Buffer.from(`${accountSid}:${authToken}`).toString('base64')
    if (headers.authorization !== `Basic ${credentials}`) return refusal(401, 20003, 'Authenticate')
    if (behaviour === 'ok') return take(form)
    if (behaviour === 'invalid') return refusal(400, 21211, `Invalid 'To' Phone Number: ${form.get('To')}`)
    if (behaviour === 'rate-limited') return refusal(429, 20429, 'Too Many Requests')
    if (behaviour === 'error') return refusal(500, 20500, `Internal Server Error: ${form}`)
    return null
  }

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests++
    const answer = answerTo(request, new URLSearchParams(await text(request)))
    if (behaviour === 'rate-limited') response.setHeader('Retry-After', retryAfter)
    response.setHeader('Content-Type', 'application/json')
    if (answer) {
      response.writeHead(answer.status).end(JSON.stringify(answer.body))
    } else if (behaviour === 'refuse') {
      request.socket.destroy()
    } else if (behaviour === 'drip') {
      response.writeHead(201)
      const timer = setInterval(() => response.write(' '), 200)
      response.on('close', () => clearInterval(timer))
    }
  }

  const server = createServer((request, response) => void serve(request, response).catch(() => {}))
  server.on('connection', (socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    url,
    /** Gatehouse's configuration for this server. */
    settings: { accountSid, authToken, from: '+15005550006', apiUrl: url },
    /** What it took, oldest first. */
    messages,
    requests: () => requests,
    /** How many connections there were, and how many are open. */
    connections: () => ({ ever: connections, open: sockets.size }),
    /** How every request from here on is answered. */
    behave(next: TwilioBehaviour, retryAfterHeader = '7'): void {
      behaviour = next
      retryAfter = retryAfterHeader
    },
    /** The six digits in the newest message to a number. */
    lastCodeTo: (phone: string): string | undefined =>
      /\b\d{6}\b/.exec(messages.findLast(({ to }) => to === phone)?.body ?? '')?.[0],
    async close(): Promise<void> {
      if (!server.listening) return
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}

const refusal = (status: number, code: number, message: string): Answer => ({
  status,
  body: { status, code, message, more_info: `https://www.twilio.com/docs/errors/${code}` },
})
