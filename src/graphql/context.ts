import DataLoader from 'dataloader'
import type { Account } from '../accounts/account.ts'
import type { EventFollower } from '../audit/live-events.graphql.ts'
import type { AccountLoaders } from '../audit/security-event.graphql.ts'
import { failureIn } from '../failure.ts'
import type { MfaLoaders } from '../mfa/factor.graphql.ts'
import type { MfaStatus } from '../mfa/mfa-status-service.ts'
import type { AnswerCookies, Caller, RequestContext, SessionCookies } from '../sessions/caller.ts'
import type { SessionEndings } from '../sessions/session.graphql.ts'
import type { ClientInfo, SessionTransport } from '../sessions/session.ts'
import type { CheckSession } from '../sessions/session-check-service.ts'
import type { ReadCookies } from '../sessions/session-cookies-service.ts'

export interface GraphQLContext extends RequestContext, AccountLoaders, MfaLoaders {
  /** Whether the caller was read from the record just now, by the id of the session. */
  readonly isOfRecord: boolean
}

/** What subscriptions have besides, which come over a socket. */
export type SocketContext = GraphQLContext & EventFollower & SessionEndings

/** What a transport knows of a request. */
export interface Incoming {
  readonly authorization: string | undefined
  readonly cookie: string | undefined
  /** What the answer is to set. */
  readonly answer: AnswerCookies
  readonly client: ClientInfo
  readonly requestId: string
}

export interface ContextDeps {
  readonly checkSession: CheckSession
  readonly readCookies: ReadCookies
  readonly logProblem: (problem: unknown) => void
  readonly findAccounts: (ids: readonly string[]) => Promise<Account[]>
  readonly readMfaStatuses: (accounts: readonly Account[]) => Promise<MfaStatus[]>
}

export type CreateContext = (incoming: Incoming) => Promise<GraphQLContext>

/** Makes the context of a caller who is known. */
export type ContextOf = (caller: Caller, incoming: Incoming) => GraphQLContext

const bearer = /^Bearer +(\S+) *$/i
const anonymous = { kind: 'anonymous' } as const

/**
 * Resolves the caller once a request, by a Bearer token or else by the cookie. Loaders batch and do not cache: an answer
 * read before a mutation is stale after it.
 */
export const createContextFactory = ({
  checkSession,
  readCookies,
  logProblem,
  findAccounts,
  readMfaStatuses,
}: ContextDeps): { createContext: CreateContext; contextOf: ContextOf } => {
  const newAccountLoader = () =>
    new DataLoader<string, Account | null>(
      async (ids) => {
        const found = new Map((await findAccounts([...new Set(ids)])).map((account) => [account.id, account]))
        return ids.map((id) => found.get(id) ?? null)
      },
      { cache: false },
    )
  const newMfaStatusLoader = () => new DataLoader<Account, MfaStatus>(readMfaStatuses, { cache: false })

  /** A token counts only where its session put it: planted as a cookie, or taken out of one, it opens nothing (threat D1). */
  const identify = async (token: string, transport: SessionTransport, client: ClientInfo): Promise<Caller> => {
    try {
      const verdict = await checkSession(token, client)
      if (verdict.kind === 'live') {
        const isItsOwn = (verdict.session.transport === 'COOKIE') === (transport === 'COOKIE')
        return isItsOwn ? { ...verdict, kind: 'signedIn' } : anonymous
      }
      return verdict.kind === 'ended' ? verdict : anonymous
    } catch (problem) {
      if (failureIn(problem)?.code !== 'SERVICE_DEGRADED') logProblem(problem)
      return { kind: 'undetermined' }
    }
  }

  const build = (
    caller: Caller,
    { client, requestId, cookie, answer }: Incoming,
    isOfRecord: boolean,
    cookies?: SessionCookies,
  ): GraphQLContext => {
    // Made when first asked for: most requests need none.
    let accounts: ReturnType<typeof newAccountLoader> | undefined
    let mfaStatuses: ReturnType<typeof newMfaStatusLoader> | undefined
    return {
      caller,
      client,
      requestId,
      isOfRecord,
      get cookies(): SessionCookies {
        cookies ??= readCookies(cookie, answer)
        return cookies
      },
      get accounts() {
        accounts ??= newAccountLoader()
        return accounts
      },
      get mfaStatuses() {
        mfaStatuses ??= newMfaStatusLoader()
        return mfaStatuses
      },
    }
  }

  return {
    async createContext(incoming) {
      const { authorization, cookie, answer, client } = incoming
      const bearerToken = authorization && bearer.exec(authorization)?.[1]
      const cookies = !bearerToken && cookie ? readCookies(cookie, answer) : undefined
      const cookieToken = cookies?.sessionToken
      const caller = bearerToken
        ? await identify(bearerToken, 'BEARER', client)
        : cookieToken
          ? await identify(cookieToken, 'COOKIE', client)
          : anonymous
      return build(caller, incoming, false, cookies)
    },
    contextOf: (caller, incoming) => build(caller, incoming, true),
  }
}
