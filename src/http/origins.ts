import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { AppError } from '../failure.ts'
import type { Logger } from '../lib/logger.ts'

interface OriginRules {
  /** Origins whose pages may call, as browsers spell them: `https://app.example.com`. */
  readonly origins: ReadonlySet<string>
  readonly isProduction: boolean
}

/**
 * Builds the check whether a request may come from the page that sent it: one of a listed origin, or of this server
 * itself by the word of the browser. Programs send neither Origin nor Sec-Fetch-Site, and pass. It asks for no session, as
 * signing someone in by stealth is an attack too (threats F1 and D1).
 */
const createPageCheck =
  ({ origins, isProduction }: OriginRules) =>
  ({ origin, host, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean => {
    if (origin === undefined) return site === undefined || site === 'same-origin' || site === 'none'
    if (origins.has(origin)) return true // of several headers Node makes one text, which no list has
    if (site === 'same-origin' && origin !== 'null') return true
    return !isProduction && origin === `http://${host}` && loopbackHost.test(host ?? '')
  }

const loopbackHost = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/

const sharedHeaders = {
  'access-control-allow-credentials': 'true',
  'access-control-expose-headers': 'retry-after, x-request-id',
}
const preflightHeaders = {
  'access-control-allow-methods': 'POST',
  'access-control-allow-headers': 'content-type, authorization, apollo-require-preflight',
  'access-control-max-age': '600',
}
const logPauseMs = 1_000

/** Refuses what pages of other origins send, before its body is read, and lets pages of listed origins read the answers. */
export const createOriginGate = (rules: OriginRules, log: Logger) => {
  const { origins } = rules
  const mayPass = createPageCheck(rules)
  let silentUntil = 0

  const refuse = ({ headers: { origin }, id }: FastifyRequest, reply: FastifyReply): void => {
    const named = origin && /^[\w.:/[\]-]{1,100}$/.test(origin) ? origin : null // anything else may be made to be shown
    if (Date.now() >= silentUntil) {
      silentUntil = Date.now() + logPauseMs // whoever sends requests must not fill the disk
      log.warn({ origin: named, requestId: id }, 'a page of an origin that is not in ALLOWED_ORIGINS was refused')
    }
    const { code } = new AppError('FORBIDDEN')
    const message = `Pages of ${named ?? 'this origin'} may not call this server. Its operator can add their origin to ALLOWED_ORIGINS.`
    reply.code(403).send({ errors: [{ message, extensions: { code } }] })
  }

  const onRequest: onRequestHookHandler = (request, reply, done) => {
    const { origin } = request.headers
    if (origin !== undefined) reply.header('vary', 'Origin')
    if (!mayPass(request.headers)) return refuse(request, reply)
    if (origin !== undefined && origins.has(origin)) {
      reply.header('access-control-allow-origin', origin).headers(sharedHeaders)
    }
    done()
  }

  return {
    onRequest,
    answerPreflight({ headers }: FastifyRequest, reply: FastifyReply): void {
      const isPreflight = headers['access-control-request-method'] === 'POST'
      if (!isPreflight || !origins.has(headers.origin ?? '')) return void reply.callNotFound()
      reply.code(204).headers(preflightHeaders).send()
    },
  }
}
