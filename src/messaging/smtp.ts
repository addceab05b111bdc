import { createTransport } from 'nodemailer'
import type { Deliver } from './message.ts'

const deadlineMs = 10_000 // outside every request; a hanging server must not hold the queue

/** Delivers over SMTP (`smtp://` or `smtps://user:password@host:port`). A repeated message bears the same Message-ID. */
export const createSmtpDelivery = (url: string, from: string): Deliver => {
  const transport = createTransport({
    url,
    connectionTimeout: deadlineMs,
    greetingTimeout: deadlineMs,
    socketTimeout: deadlineMs,
  })
  const domain = from.slice(from.lastIndexOf('@') + 1).replace(/>$/, '')
  return async ({ id, to, subject, text }) => {
    await transport.sendMail({ from, to, subject, text, messageId: `<${id}@${domain}>` })
  }
}
