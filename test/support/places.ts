import type { Client } from './client.ts'
import { eventually, type Gatehouse, type Mail } from './gatehouse.ts'

/** Addresses that the data of cities knows, for a server that trusts its proxy. */
export const addresses = {
  zurich: '129.132.19.216',
  lausanne: '128.178.1.1',
  basel: '131.152.1.1',
  bern: '178.197.200.1',
  geneva: '2a02:120b:2c00::1',
  gottingen: '134.76.10.47',
  tokyo: '133.11.0.1',
  saoPaulo: '143.107.1.1',
} as const

export const chrome =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'
export const newerChrome = chrome.replace('126', '127')
export const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0'

/** The same program at another address, on another device. */
export const at = (client: Client, address: string, userAgent = chrome): Client =>
  client.with({ 'x-forwarded-for': address, 'user-agent': userAgent })

/** The mails with this subject to an address, once every mail has left. */
export const mailsAbout = async (
  gatehouse: Pick<Gatehouse, 'mailTo' | 'sql'>,
  { email }: { readonly email: string },
  subject: string,
): Promise<Mail[]> => {
  await eventually(async () => {
    const [row] = await gatehouse.sql`SELECT count(*)::int AS count FROM outgoing_messages WHERE sent_at IS NULL`
    return row?.count === 0
  })
  return (await gatehouse.mailTo(email)).filter((mail) => mail.subject === subject)
}
