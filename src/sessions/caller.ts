import type { Account } from '../accounts/account.ts'
import { AppError } from '../failure.ts'
import type { ClientInfo, Session, SessionEndReason } from './session.ts'
import type { SessionToken } from './session-token.ts'

/** The caller of a request that carries a live session. */
export interface SignedInCaller {
  readonly session: Session
  readonly account: Account
  readonly token: SessionToken
}

/** Who calls, as far as the request's token tells. */
export type Caller =
  | ({ readonly kind: 'signedIn' } & SignedInCaller)
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'ended'; readonly reason: SessionEndReason }
  /** Neither store could tell. */
  | { readonly kind: 'undetermined' }

/** The values of the Set-Cookie headers that an answer will have. */
export interface AnswerCookies {
  setCookies: readonly string[]
}

/** The cookies that a browser sent with one request, and those that it is to keep from the answer on. */
export interface SessionCookies {
  readonly sessionToken: string | undefined
  readonly deviceToken: string | undefined
  /** Until the absolute end of the session. */
  keepSession(token: string, session: Session): void
  keepDevice(token: string): void
  dropSession(): void
}

/** Facts about one request. */
export interface RequestContext {
  readonly caller: Caller
  readonly client: ClientInfo
  readonly cookies: SessionCookies
  readonly requestId: string
}

/** The caller with a live session, or the failure that says why there is none. */
export const signedIn = ({ caller }: RequestContext): SignedInCaller => {
  if (caller.kind === 'signedIn') return caller
  if (caller.kind === 'ended') throw new AppError('SESSION_ENDED', { reason: caller.reason })
  throw new AppError(caller.kind === 'undetermined' ? 'SERVICE_DEGRADED' : 'UNAUTHENTICATED')
}

/** The caller with a live session, null for anyone else: for acts open to both. Throws when neither store could tell. */
export const signedInOrNull = (context: RequestContext): SignedInCaller | null =>
  context.caller.kind === 'anonymous' || context.caller.kind === 'ended' ? null : signedIn(context)
