import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'
import { afterEach, expect, test } from 'vitest'
import { RegisterDocument } from '../support/documents.generated.ts'
import { confirmationTokenTo, eventually, startGatehouse } from '../support/gatehouse.ts'
import { startGatehouseProcess } from '../support/gatehouse-process.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** A real SMTP server that refuses the first messages it is asked to. */
const startSmtpServer = async (refusals: number) => {
  const received: string[] = []
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onMailFrom: (_address, _session, done) => (refusals-- > 0 ? done(new Error('421 try again')) : done()),
    async onData(stream, _session, done) {
      received.push(await text(stream))
      done()
    },
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUps.push(() => server.close())
  return { received, url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const register = { input: { email: 'grace@example.com', password: 'nanoseconds of copper wire' } }

test('mail goes out over SMTP outside the request, also when the server refuses it at first, and leaves no text behind', async () => {
  const smtp = await startSmtpServer(1)
  const gatehouse = await startGatehouse({
    config: {
      isProduction: true,
      smtpUrl: smtp.url,
      mailFrom: 'Gatehouse <no-reply@id.example.com>',
      publicUrl: 'https://id.example.com',
    },
  })
  cleanUps.push(gatehouse.close)
  await gatehouse.anonymous.ask(RegisterDocument, register)

  const mail = await eventually(() => smtp.received[0])
  expect(mail).toContain('To: grace@example.com')
  expect(mail).toContain('From: Gatehouse <no-reply@id.example.com>')
  expect(mail.replaceAll('=\r\n', '')).toContain('https://id.example.com/confirm-email#token=3D')
  const [queued] = await eventually(async () => {
    const rows = await gatehouse.sql`select sealed_text, attempts, sent_at from outgoing_messages`
    return rows[0]?.sent_at ? rows : undefined
  })
  expect(queued).toMatchObject({ sealed_text: '', attempts: 2 })
  expect(smtp.received).toHaveLength(1)
})

test('several servers on one database send each message once', async () => {
  const smtp = await startSmtpServer(0)
  const config = { smtpUrl: smtp.url, mailFrom: 'no-reply@id.example.com' }
  const first = await startGatehouse({ config })
  const second = await startGatehouse({ config, databaseUrl: first.databaseUrl })
  cleanUps.push(first.close, second.close)
  const addresses = Array.from({ length: 30 }, (_none, index) => `many-${index}@example.com`)
  await Promise.all(
    addresses.map((email, index) =>
      (index % 2 ? first : second).anonymous.ask(RegisterDocument, { input: { ...register.input, email } }),
    ),
  )
  await eventually(async () => (await first.sql`select id from outgoing_messages where sent_at is null`).length === 0)
  expect(smtp.received.map((mail) => /^To: (.*)$/m.exec(mail)?.[1]?.trim()).toSorted()).toEqual(addresses.toSorted())
})

test('a message that a killed server was about to send is sent by another, once', async () => {
  let isStalled = true
  const received: string[] = []
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onMailFrom: (_address, _session, done) => (isStalled ? undefined : done()),
    async onData(stream, _session, done) {
      received.push(await text(stream))
      done()
    },
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUps.push(() => server.close())
  const smtpUrl = `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`
  const mailFrom = 'no-reply@id.example.com'
  const witness = await startGatehouse({ config: { isProduction: true } }) // sends no mail itself
  cleanUps.push(witness.close)
  const doomed = await startGatehouseProcess(witness.databaseUrl, { SMTP_URL: smtpUrl, MAIL_FROM: mailFrom })
  await doomed.anonymous.ask(RegisterDocument, register)
  await eventually(async () => (await witness.sql`select attempts from outgoing_messages`)[0]?.attempts === 1)
  await doomed.end('SIGKILL')

  isStalled = false
  const heir = await startGatehouse({ databaseUrl: witness.databaseUrl, config: { smtpUrl, mailFrom } })
  cleanUps.push(heir.close)
  heir.advanceClock(61) // the dead server's claim is over
  await eventually(async () => (await witness.sql`select id from outgoing_messages where sent_at is null`).length === 0)
  expect(received).toHaveLength(1)
})

test('in development a message is in the outbox, as JSON by recipient and as a page', async () => {
  const gatehouse = await startGatehouse()
  cleanUps.push(gatehouse.close)
  await gatehouse.anonymous.ask(RegisterDocument, register)
  await confirmationTokenTo(gatehouse, 'grace@example.com')
  const [message] = await gatehouse.mailTo('grace@example.com')
  expect(message).toEqual({
    channel: 'EMAIL',
    to: 'grace@example.com',
    subject: 'Confirm your email address',
    text: expect.stringContaining('#token='),
    sentAt: expect.any(String),
  })
  expect(await gatehouse.mailTo('nobody@example.com')).toEqual([])
  const page = await fetch(`${gatehouse.url}/outbox`)
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(await page.text()).toContain('grace@example.com')
})
