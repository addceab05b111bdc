import { parseCookie, stringifySetCookie } from 'cookie'
import { trustLifetimeSeconds } from '../devices/trusted-device.ts'
import type { Clock } from '../lib/clock.ts'
import type { AnswerCookies, SessionCookies } from './caller.ts'

export interface SessionCookiesDeps {
  /** False where pages come over plain HTTP, on a developer's machine. */
  readonly isSecure: boolean
  readonly now: Clock
}

/** `header` is the Cookie header; `answer` gets what the answer is to set. */
export type ReadCookies = (header: string | undefined, answer: AnswerCookies) => SessionCookies

/**
 * The cookies that hold tokens: never for scripts, for other hosts, or with what other sites send, and with the prefix
 * that keeps other hosts from planting them (RFC 6265bis §4.1.3.2, threats D1 and D2). Of two of one name neither counts.
 */
export const createSessionCookies = ({ isSecure, now }: SessionCookiesDeps): ReadCookies => {
  const prefix = isSecure ? '__Host-' : ''
  const session = cookieNamed(`${prefix}gatehouse`)
  const device = cookieNamed(`${prefix}gatehouse-device`)
  const attributes = { httpOnly: true, secure: isSecure, sameSite: 'lax', path: '/' } as const

  return (header, answer) => {
    const kept = new Map<string, string>()
    const keep = ({ name }: NamedCookie, value: string, maxAge: number): void => {
      kept.set(name, stringifySetCookie({ name, value, maxAge, ...attributes }))
      answer.setCookies = [...kept.values()]
    }
    return {
      get sessionToken() {
        return header && session.in(header)
      },
      get deviceToken() {
        return header && device.in(header)
      },
      keepSession(token, { expiresAt }) {
        keep(session, token, Math.max(0, Math.floor((expiresAt.getTime() - now().getTime()) / 1000)))
      },
      keepDevice: (token) => keep(device, token, trustLifetimeSeconds),
      dropSession: () => keep(session, '', 0),
    }
  }
}

type NamedCookie = ReturnType<typeof cookieNamed>

const cookieNamed = (name: string) => {
  const repeated = new RegExp(`(?:^|;)\\s*${name}\\s*=.*;\\s*${name}\\s*=`, 's')
  return {
    name,
    in: (header: string): string | undefined =>
      repeated.test(header) ? undefined : parseCookie(header, { decode: asItIs })[name],
  }
}

const asItIs = (text: string): string => text // our tokens need no encoding, and two spellings would be two tokens
