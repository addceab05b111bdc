import { parseSetCookie } from 'cookie'
import { type Client, createClient } from './client.ts'

/** A page of the server's own origin in a browser, which keeps cookies and shows no script those that are HttpOnly. */
export interface Browser extends Client {
  /** By name. Tests may plant some. */
  readonly jar: Map<string, string>
  /** Every Set-Cookie header so far, as it came. */
  readonly received: string[]
}

/** A browser without cookies. It sends them over plain HTTP too, as if a proxy before the server ended TLS. */
export const openBrowser = (url: string, headers: Record<string, string> = {}): Browser => {
  const jar = new Map<string, string>()
  const received: string[] = []
  const request = async (address: string, init: RequestInit): Promise<Response> => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(address, { ...init, headers: { ...init.headers, ...(cookie && { cookie }) } as never })
    for (const text of response.headers.getSetCookie()) {
      received.push(text)
      const { name, value = '', maxAge } = parseSetCookie(text)
      if (maxAge === 0) jar.delete(name)
      else jar.set(name, value)
    }
    return response
  }
  const ofPages = { origin: url, 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }
  return { ...createClient(url, null, { ...ofPages, ...headers }, request), jar, received }
}
