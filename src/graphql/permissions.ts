import { createRequire } from 'node:module'
import type { GraphQLResolveInfo } from 'graphql'
import type * as Shield from 'graphql-shield'
import type { Account, Role } from '../accounts/account.ts'
import type { EventReport } from '../audit/security-event.ts'
import { AppError } from '../failure.ts'
import type { StepUp } from '../mfa/step-up-service.ts'
import { type SignedInCaller, signedIn } from '../sessions/caller.ts'
import type { SessionEndReason } from '../sessions/session.ts'
import type { CheckSession } from '../sessions/session-check-service.ts'
import type { GraphQLContext } from './context.ts'

// Its ES build imports what Node has removed; and it must share graphql-middleware's module form.
const { shield, rule, allow, deny } = createRequire(import.meta.url)('graphql-shield') as typeof Shield

export interface PermissionDeps {
  /** What is known of the end of a token: undefined while it is live, null when it was replaced. */
  readonly endedReasonFor: (tokenHash: string) => SessionEndReason | null | undefined
  readonly checkSession: CheckSession
  /** Whether policy wants a factor of this user before anything else. */
  readonly isEnrolmentOwed: (account: Account) => boolean
  /** Throws STEP_UP_REQUIRED where a fresh proof is missing. */
  readonly requireStepUp: StepUp['require']
  readonly recordEvent: (report: EventReport) => Promise<void>
  readonly logProblem: (problem: unknown) => void
}

/** Who may call what: default deny, so that a root field that is not in this table answers nobody. */
export const createPermissions = (deps: PermissionDeps) => {
  const { endedReasonFor, checkSession, isEnrolmentOwed, requireStepUp, recordEvent, logProblem } = deps
  const guard = (check: (context: GraphQLContext) => Promise<unknown>) =>
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
  const liveCaller = async (context: GraphQLContext): Promise<SignedInCaller> => {
    const caller = signedIn(context)
    if (context.isOfRecord) return caller // its token may have been replaced, which says nothing
    if (endedReasonFor(caller.token.hash) === undefined) return caller
    const verdict = await checkSession(caller.token.text, context.client)
    if (verdict.kind === 'ended') throw new AppError('SESSION_ENDED', { reason: verdict.reason })
    if (verdict.kind === 'unknown') throw new AppError('UNAUTHENTICATED')
    return caller
  }

  const fullCaller = async (context: GraphQLContext): Promise<SignedInCaller> => {
    const caller = await liveCaller(context)
    if (isEnrolmentOwed(caller.account)) throw new AppError('MFA_ENROLMENT_REQUIRED')
    return caller
  }

  const callerWithRole = async (context: GraphQLContext, roles: readonly Role[]): Promise<SignedInCaller> => {
    const { account } = await liveCaller(context)
    if (!roles.includes(account.role)) throw new AppError('FORBIDDEN')
    return fullCaller(context)
  }

  const anyone = allow
  /** Open also to a user who owes policy a second factor. */
  const signedInUser = guard(liveCaller)
  const signedInUserWhoOwesNothing = guard(fullCaller)
  const userWithFreshProof = guard(async (context) =>
    requireStepUp(await fullCaller(context), context.client, 'always'),
  )
  const userWhoMayEnrol = guard(async (context) =>
    requireStepUp(await liveCaller(context), context.client, 'forEnrolment'),
  )
  const oneOf = (...roles: Role[]) => guard((context) => callerWithRole(context, roles))
  const adminWithFreshProof = guard(async (context) =>
    requireStepUp(await callerWithRole(context, ['ADMIN']), context.client, 'always'),
  )

  return shield(
    {
      Query: {
        '*': deny,
        me: signedInUser,
        listSessions: signedInUserWhoOwesNothing,
        securityEvents: signedInUserWhoOwesNothing,
        trustedDevices: signedInUserWhoOwesNothing,
        user: oneOf('ADMIN', 'AUDITOR'),
        users: oneOf('ADMIN', 'AUDITOR'),
        userSessions: oneOf('ADMIN', 'AUDITOR'),
        consents: signedInUserWhoOwesNothing,
        auditEvents: oneOf('ADMIN', 'AUDITOR'),
        verifyAuditLog: oneOf('ADMIN', 'AUDITOR'),
        securityOverview: oneOf('ADMIN', 'AUDITOR'),
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
        resolveSessionLimit: anyone, // its ticket is the proof
        logout: signedInUser,
        issueAccessToken: signedInUserWhoOwesNothing,
        enrolMfa: userWhoMayEnrol,
        refreshSession: signedInUserWhoOwesNothing,
        revokeOtherSessions: signedInUserWhoOwesNothing,
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
        recordConsent: signedInUserWhoOwesNothing,
        exportMyData: userWithFreshProof,
        deleteMyAccount: userWithFreshProof,
        setMfaPolicy: adminWithFreshProof,
        suspendUser: adminWithFreshProof,
        reinstateUser: adminWithFreshProof,
        unlockUser: adminWithFreshProof,
        setUserRole: adminWithFreshProof,
        resetUserMfa: adminWithFreshProof,
        revokeUserSessions: adminWithFreshProof,
        eraseUser: adminWithFreshProof,
      },
      // Asked when a subscription starts, and again at each event.
      Subscription: {
        '*': deny,
        securityEvents: signedInUserWhoOwesNothing,
        sessionEnded: signedInUser,
        auditEvents: oneOf('ADMIN', 'AUDITOR'),
      },
    },
    { fallbackRule: allow, fallbackError: new AppError('FORBIDDEN'), allowExternalErrors: true },
  )
}
