import { createRequire } from 'node:module'
import type { GraphQLResolveInfo } from 'graphql'
import type * as Shield from 'graphql-shield'
import type { Account, Role } from '../accounts/account.ts'
import type { EventReport } from '../audit/security-event.ts'
import { AppError } from '../failure.ts'
import type { StepUp } from '../mfa/step-up-service.ts'
import { type SignedInCaller, signedIn } from '../sessions/caller.ts'
import type { SessionEndReason } from '../sessions/session.ts'
import type { GraphQLContext } from './context.ts'

// Its ES build imports what Node has removed; and it must share graphql-middleware's module form.
const { shield, rule, allow, deny } = createRequire(import.meta.url)('graphql-shield') as typeof Shield

export interface PermissionDeps {
  /** What is known of the end of a token: undefined while it is live, null when it was replaced. */
  readonly endedReasonFor: (tokenHash: string) => SessionEndReason | null | undefined
  /** Whether policy wants a factor of this user before anything else. */
  readonly isEnrolmentOwed: (account: Account) => boolean
  /** Throws STEP_UP_REQUIRED where a fresh proof is missing. */
  readonly requireStepUp: StepUp['require']
  readonly recordEvent: (report: EventReport) => Promise<void>
  readonly logProblem: (problem: unknown) => void
}

/** Who may call what: default deny, so that a root field that is not in this table answers nobody. */
export const createPermissions = (deps: PermissionDeps) => {
  const { endedReasonFor, isEnrolmentOwed, requireStepUp, recordEvent, logProblem } = deps
  const guard = (check: (context: GraphQLContext) => void | Promise<void>) =>
    rule({ cache: 'no_cache' })(async (_root, _args, context: GraphQLContext, info: GraphQLResolveInfo) => {
      try {
        await check(context)
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

  const fullCaller = (context: GraphQLContext): SignedInCaller => {
    const caller = liveCaller(context)
    if (isEnrolmentOwed(caller.account)) throw new AppError('MFA_ENROLMENT_REQUIRED')
    return caller
  }

  const callerWithRole = (context: GraphQLContext, roles: readonly Role[]): SignedInCaller => {
    if (!roles.includes(liveCaller(context).account.role)) throw new AppError('FORBIDDEN')
    return fullCaller(context)
  }

  const anyone = allow
  /** Open also to a user who owes policy a second factor. */
  const signedInUser = guard((context) => void liveCaller(context))
  const signedInUserWhoOwesNothing = guard((context) => void fullCaller(context))
  const userWithFreshProof = guard((context) => requireStepUp(fullCaller(context), context.client, 'always'))
  const userWhoMayEnrol = guard((context) => requireStepUp(liveCaller(context), context.client, 'forEnrolment'))
  const oneOf = (...roles: Role[]) => guard((context) => void callerWithRole(context, roles))
  const adminWithFreshProof = guard((context) =>
    requireStepUp(callerWithRole(context, ['ADMIN']), context.client, 'always'),
  )

  return shield(
    {
      Query: {
        '*': deny,
        me: signedInUser,
        listSessions: signedInUserWhoOwesNothing,
        securityEvents: signedInUserWhoOwesNothing,
        trustedDevices: signedInUserWhoOwesNothing,
        auditEvents: oneOf('ADMIN', 'AUDITOR'),
        mfaPolicies: oneOf('ADMIN', 'AUDITOR'),
      },
      Mutation: {
        '*': deny,
        register: anyone,
        confirmEmail: anyone,
        login: anyone,
        requestPasswordReset: anyone,
        resetPassword: anyone,
        verifyMfa: anyone, // a challenge that a session opened is checked against the caller where it is claimed
        sendMfaCode: anyone, // the same
        logout: signedInUser,
        enrolMfa: userWhoMayEnrol,
        requestStepUp: signedInUserWhoOwesNothing,
        reauthenticate: signedInUserWhoOwesNothing,
        renameMfaFactor: signedInUserWhoOwesNothing,
        setPreferredMfaFactor: signedInUserWhoOwesNothing,
        revokeSession: signedInUserWhoOwesNothing, // whose session it may be is decided where it is read
        revokeTrustedDevice: signedInUserWhoOwesNothing, // the same
        removeMfaFactor: userWithFreshProof,
        regenerateBackupCodes: userWithFreshProof,
        changePassword: userWithFreshProof,
        changeEmail: userWithFreshProof,
        setMfaPolicy: adminWithFreshProof,
        unlockUser: adminWithFreshProof,
      },
    },
    { fallbackRule: allow, fallbackError: new AppError('FORBIDDEN'), allowExternalErrors: true },
  )
}
