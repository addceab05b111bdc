import type { FastifyInstance } from 'fastify'
import { isEmailAddress } from '../accounts/account.ts'
import type { MessageStore } from '../messaging/message-store.ts'

const mostShown = 100

/** The development outbox: the messages that would have gone out, newest first, as a page and as JSON. */
export const serveOutbox = (server: FastifyInstance, messages: Pick<MessageStore, 'listSent' | 'open'>): void => {
  const list = async (query: unknown) => {
    const { to: typed } = query as { to?: unknown }
    const to = typeof typed === 'string' ? typed.replace(/^ (?=\d)/, '+') : typed // a + that was not encoded
    if (to !== undefined && !(typeof to === 'string' && (isEmailAddress(to) || /^\+\d{1,15}$/.test(to)))) return []
    const sent = await messages.listSent(to, mostShown)
    return sent.map((message) => ({
      channel: message.channel,
      to: message.to,
      subject: message.subject,
      text: messages.open(message),
      sentAt: message.sentAt,
    }))
  }

  server.get('/outbox.json', ({ query }) => list(query))
  server.get('/outbox', async ({ query }, reply) => {
    const articles = (await list(query)).map(
      ({ to, subject, text, sentAt }) =>
        `<article><h2>${escaped(subject)}</h2><p>${escaped(to)} · <time>${sentAt?.toISOString()}</time></p><pre>${escaped(text)}</pre></article>`,
    )
    return reply.type('text/html; charset=utf-8').send(page(articles.join('\n') || '<p>Nothing was sent yet.</p>'))
  })
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] as string)

const page = (content: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Outbox · Gatehouse</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
  article { border-top: 1px solid #ccc; padding: 1rem 0 }
  h2 { font-size: 1.1rem; margin: 0 } p { color: #555; margin: 0 0 .5rem } pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 }
</style>
<h1>Outbox</h1>
<p>What Gatehouse would have sent, newest first. Development only. <a href="">Reload</a></p>
${content}
</html>
`
