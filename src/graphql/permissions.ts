import { createRequire } from 'node:module'
import type { GraphQLResolveInfo } from 'graphql'
import type * as Shield from 'graphql-shield'
import type { Role } from '../accounts/account.ts'
import type { EventReport } from '../audit/security-event.ts'
import { AppError } from '../failure.ts'
import { type SignedInCaller, signedIn } from '../sessions/caller.ts'
import type { SessionEndReason } from '../sessions/session.ts'
import type { GraphQLContext } from './context.ts'

// Its ES build imports what Node has removed; and it must share graphql-middleware's module form.
const { shield, rule, allow, deny } = createRequire(import.meta.url)('graphql-shield') as typeof Shield

export interface PermissionDeps {
  /** What is known of the end of a token: undefined while it is live, null when it was replaced. */
  readonly endedReasonFor: (tokenHash: string) => SessionEndReason | null | undefined
  readonly recordEvent: (report: EventReport) => Promise<void>
  readonly logProblem: (problem: unknown) => void
}

/** Who may call what: default deny, so that a root field that is not in this table answers nobody. */
export const createPermissions = ({ endedReasonFor, recordEvent, logProblem }: PermissionDeps) => {
  const guard = (check: (context: GraphQLContext) => void) =>
    rule({ cache: 'no_cache' })(async (_root, _args, context: GraphQLContext, info: GraphQLResolveInfo) => {
      try {
        check(context)
        return true
      } catch (refusal) {
        await recordRefusal(context, info.fieldName, refusal)
        return refusal as Error
      }
    })

  /** A refusal stands whether or not it could be recorded. */
  const recordRefusal = async ({ caller, client }: GraphQLContext, field: string, refusal: unknown): Promise<void> => {
    if (!(refusal instanceof AppError) || refusal.code === 'SERVICE_DEGRADED') return
    const who =
      caller.kind === 'signedIn' ? { userId: caller.account.id, sessionId: caller.session.id } : { userId: null }
    const details = { field, code: refusal.code }
    await recordEvent({ type: 'ACCESS_DENIED', outcome: 'DENIED', ...who, client, details }).catch(logProblem)
  }

  /** Asks again at every field: an earlier field, or another server, may have ended the session since the request came. */
  const liveCaller = (context: GraphQLContext): SignedInCaller => {
    const caller = signedIn(context)
    const reason = endedReasonFor(caller.token.hash)
    if (reason) throw new AppError('SESSION_ENDED', { reason })
    if (reason === null) throw new AppError('UNAUTHENTICATED')
    return caller
  }

  const signedInUser = guard((context) => void liveCaller(context))
  const oneOf = (...roles: Role[]) =>
    guard((context) => {
      if (!roles.includes(liveCaller(context).account.role)) throw new AppError('FORBIDDEN')
    })

  const anyone = allow
  return shield(
    {
      Query: {
        '*': deny,
        me: signedInUser,
        listSessions: signedInUser,
        securityEvents: signedInUser,
        auditEvents: oneOf('ADMIN', 'AUDITOR'),
      },
      Mutation: {
        '*': deny,
        register: anyone,
        confirmEmail: anyone,
        login: anyone,
        verifyMfa: anyone, // a challenge that a session opened is checked against the caller where it is claimed
        logout: signedInUser,
        enrolMfa: signedInUser,
        requestStepUp: signedInUser,
        revokeSession: signedInUser, // whose session it may be is decided where it is read
      },
    },
    { fallbackRule: allow, fallbackError: new AppError('FORBIDDEN'), allowExternalErrors: true },
  )
}
