import { Arg, Ctx, ID, Mutation, Resolver } from 'type-graphql'
import type { Account, Role } from '../accounts/account.ts'
import { RoleEnum, UserObject } from '../accounts/user.graphql.ts'
import { type RequestContext, signedIn } from '../sessions/caller.ts'
import { SessionObject } from '../sessions/session.graphql.ts'
import type { Session } from '../sessions/session.ts'
import type { ResetUserMfa } from './mfa-reset-service.ts'
import type { SetUserRole } from './role-service.ts'
import type { RevokeUserSessions } from './session-revocation-service.ts'
import type { SuspensionService } from './suspension-service.ts'
import type { UnlockUser } from './unlock-service.ts'

const ofTheUser = { description: 'The id of the user.' }
const whyItIsDone = {
  description:
    'Why, in 1 to 500 characters, on one line. It stands in the audit log, for ADMIN and AUDITOR alone: the user is not told.',
}

@Resolver()
export class AdminResolver {
  private readonly unlock: UnlockUser
  private readonly suspensions: SuspensionService
  private readonly revokeSessions: RevokeUserSessions
  private readonly setRole: SetUserRole
  private readonly resetMfa: ResetUserMfa

  constructor(
    unlock: UnlockUser,
    suspensions: SuspensionService,
    revokeSessions: RevokeUserSessions,
    setRole: SetUserRole,
    resetMfa: ResetUserMfa,
  ) {
    this.unlock = unlock
    this.suspensions = suspensions
    this.revokeSessions = revokeSessions
    this.setRole = setRole
    this.resetMfa = resetMfa
  }

  @Mutation(() => UserObject, {
    description:
      "Closes a user's account until `reinstateUser`. From the answer on every session of theirs is refused with SESSION_ENDED on every server; no device is trusted, no code or mailed link counts any more, and signing in answers ACCOUNT_SUSPENDED to who knows the password. The user is told by mail. For ADMIN, with a step-up. NOT_FOUND when there is no such user, CONFLICT when it is the caller or the account is not ACTIVE.",
  })
  suspendUser(
    @Arg('id', () => ID, ofTheUser) id: string,
    @Arg('reason', () => String, whyItIsDone) reason: string,
    @Ctx() context: RequestContext,
  ): Promise<Account> {
    return this.suspensions.suspend(signedIn(context), id, reason, context.client)
  }

  @Mutation(() => UserObject, {
    description:
      'Opens a suspended account again. Sessions and the trust of devices do not come back: the user signs in with the password and the factors that they had, and is told by mail. For ADMIN, with a step-up. NOT_FOUND when there is no such user, CONFLICT when the account is not SUSPENDED.',
  })
  reinstateUser(@Arg('id', () => ID, ofTheUser) id: string, @Ctx() context: RequestContext): Promise<Account> {
    return this.suspensions.reinstate(signedIn(context), id, context.client)
  }

  @Mutation(() => UserObject, {
    description:
      "Opens the locks that failed passwords and codes have put on a user's sign-in. For ADMIN, with a step-up. NOT_FOUND when there is no such user, CONFLICT when they were erased.",
  })
  unlockUser(@Arg('id', () => ID, ofTheUser) id: string, @Ctx() context: RequestContext): Promise<Account> {
    return this.unlock(signedIn(context), id, context.client)
  }

  @Mutation(() => [SessionObject], {
    description:
      "Ends every session of a user, of the caller's own all but the one that asks, and returns them as they ended; the trust of every device, sign-ins that are half done and links that were mailed, to change the address or the password, end too. The user may sign in again, and is told by mail. For ADMIN, with a step-up. NOT_FOUND when there is no such user, CONFLICT when they were erased.",
  })
  revokeUserSessions(
    @Arg('id', () => ID, ofTheUser) id: string,
    @Arg('reason', () => String, whyItIsDone) reason: string,
    @Ctx() context: RequestContext,
  ): Promise<Session[]> {
    return this.revokeSessions(signedIn(context), id, reason, context.client)
  }

  @Mutation(() => UserObject, {
    description:
      "Gives a user another role. From the answer on every session of theirs is refused with SESSION_ENDED on every server, the caller's own included where it is their own account, and every link that was mailed to change the address or the password with TOKEN_INVALID: the new role begins with a new sign-in, which must meet what policy asks of it. The user is told by mail. The role that they have already changes nothing. For ADMIN, with a step-up. NOT_FOUND when there is no such user, CONFLICT when it is the last administrator who is ACTIVE, or the account is neither ACTIVE nor SUSPENDED.",
  })
  setUserRole(
    @Arg('id', () => ID, ofTheUser) id: string,
    @Arg('role', () => RoleEnum, { description: 'What the user may do from now on.' }) role: Role,
    @Ctx() context: RequestContext,
  ): Promise<Account> {
    return this.setRole(signedIn(context), id, role, context.client)
  }

  @Mutation(() => UserObject, {
    description:
      'For a user who lost every second factor: removes all of them and the backup codes, and with them every session, the trust of every device, sign-ins that are half done, links that were mailed and the lock on wrong codes. The user signs in with the password alone then, must enrol anew where policy wants a factor, and is told by mail. Make sure first that it is they who ask. For ADMIN, with a step-up. NOT_FOUND when there is no such user, CONFLICT when it is the caller, or the user has no second factor.',
  })
  resetUserMfa(
    @Arg('id', () => ID, ofTheUser) id: string,
    @Arg('reason', () => String, whyItIsDone) reason: string,
    @Ctx() context: RequestContext,
  ): Promise<Account> {
    return this.resetMfa(signedIn(context), id, reason, context.client)
  }
}
