import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'
import { eventually } from './gatehouse.ts'

/** A real SMTP server that takes every message, and what servers need to send to it. */
export const startMailbox = async () => {
  const received: string[] = []
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    async onData(stream, _session, done) {
      received.push((await text(stream)).replaceAll('=\r\n', '').replaceAll('=3D', '='))
      done()
    },
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const mailsTo = (to: string) => received.filter((mail) => mail.toLowerCase().includes(`to: ${to.toLowerCase()}\r\n`))
  return {
    config: {
      smtpUrl: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
      mailFrom: 'no-reply@id.example.com',
    },
    mailsTo,
    /** The token in the newest message to an address, once one has come. */
    tokenTo: (to: string): Promise<string> =>
      eventually(() =>
        mailsTo(to)
          .flatMap((mail) => /#token=([\w-]+)/.exec(mail)?.[1] ?? [])
          .at(-1),
      ),
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}
