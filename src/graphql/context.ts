import DataLoader from 'dataloader'
import type { Account } from '../accounts/account.ts'
import type { AccountLoaders } from '../audit/security-event.graphql.ts'
import { failureIn } from '../failure.ts'
import type { MfaLoaders } from '../mfa/factor.graphql.ts'
import type { MfaStatus } from '../mfa/mfa-status-service.ts'
import type { Caller, RequestContext } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { CheckSession } from '../sessions/session-check-service.ts'

export type GraphQLContext = RequestContext & AccountLoaders & MfaLoaders

/** What a transport knows of a request. */
export interface Incoming {
  readonly authorization: string | undefined
  readonly client: ClientInfo
  readonly requestId: string
}

export interface ContextDeps {
  readonly checkSession: CheckSession
  readonly logProblem: (problem: unknown) => void
  readonly findAccounts: (ids: readonly string[]) => Promise<Account[]>
  readonly readMfaStatuses: (accounts: readonly Account[]) => Promise<MfaStatus[]>
}

export type CreateContext = (incoming: Incoming) => Promise<GraphQLContext>

const bearer = /^Bearer +(\S+) *$/i

/** Resolves the caller once a request. Loaders batch and do not cache: an answer read before a mutation is stale after it. */
export const createContextFactory = ({
  checkSession,
  logProblem,
  findAccounts,
  readMfaStatuses,
}: ContextDeps): CreateContext => {
  const newAccountLoader = () =>
    new DataLoader<string, Account | null>(
      async (ids) => {
        const found = new Map((await findAccounts([...new Set(ids)])).map((account) => [account.id, account]))
        return ids.map((id) => found.get(id) ?? null)
      },
      { cache: false },
    )
  const newMfaStatusLoader = () => new DataLoader<Account, MfaStatus>(readMfaStatuses, { cache: false })

  return async ({ authorization, client, requestId }) => {
    const caller = await identify(authorization, client, checkSession, logProblem)
    // Made when first asked for: most requests need neither.
    let accounts: ReturnType<typeof newAccountLoader> | undefined
    let mfaStatuses: ReturnType<typeof newMfaStatusLoader> | undefined
    return {
      caller,
      client,
      requestId,
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
}

const identify = async (
  authorization: string | undefined,
  client: ClientInfo,
  checkSession: CheckSession,
  logProblem: (problem: unknown) => void,
): Promise<Caller> => {
  const token = authorization && bearer.exec(authorization)?.[1]
  if (!token) return { kind: 'anonymous' }
  try {
    const verdict = await checkSession(token, client)
    if (verdict.kind === 'live') return { ...verdict, kind: 'signedIn' }
    return verdict.kind === 'ended' ? verdict : { kind: 'anonymous' }
  } catch (problem) {
    if (failureIn(problem)?.code !== 'SERVICE_DEGRADED') logProblem(problem)
    return { kind: 'undetermined' }
  }
}
