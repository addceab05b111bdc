import { Arg, Ctx, createUnionType, Field, InputType, Mutation, Resolver } from 'type-graphql'
import { MfaRequiredObject } from '../mfa/challenge.graphql.ts'
import { SteppedUpObject } from '../mfa/stepped-up.graphql.ts'
import { type RequestContext, signedIn } from '../sessions/caller.ts'
import { ConfirmationSentObject } from './confirmation-sent.graphql.ts'
import { EmailAddressScalar } from './email-address.graphql.ts'
import type { EmailChangeService } from './email-change-service.ts'
import type { PasswordChangeForm, PasswordChangeService, Reauthenticated } from './password-change-service.ts'
import { PasswordChangedObject } from './password-changed.graphql.ts'
import type {
  PasswordChanged,
  PasswordResetForm,
  PasswordResetService,
  ResetOutcome,
} from './password-reset-service.ts'

const ResetPasswordResultUnion = createUnionType({
  name: 'ResetPasswordResult',
  description: 'What came of a right token: the new password is set, or waits for a code.',
  types: () => [PasswordChangedObject, MfaRequiredObject] as const,
  resolveType: ({ kind }: ResetOutcome) => (kind === 'passwordChanged' ? PasswordChangedObject : MfaRequiredObject),
})

const newPasswordRule = '8 to 128 characters of any kind; 15 or more are recommended. Common ones are refused.'

@InputType('ResetPasswordInput', { description: 'A new password, by a link from the mailbox.' })
class ResetPasswordInput implements PasswordResetForm {
  @Field(() => String, { description: 'The token from the message: what follows `#token=` in its link.' })
  readonly token!: string

  @Field(() => String, { description: newPasswordRule })
  readonly newPassword!: string
}

@InputType('ChangePasswordInput', { description: 'The password, and the one to replace it.' })
class ChangePasswordInput implements PasswordChangeForm {
  @Field(() => String, { description: 'The password as it is now.' })
  readonly currentPassword!: string

  @Field(() => String, { description: newPasswordRule })
  readonly newPassword!: string
}

@Resolver()
export class RecoveryResolver {
  private readonly resets: PasswordResetService
  private readonly passwords: PasswordChangeService
  private readonly emailChanges: Pick<EmailChangeService, 'request'>

  constructor(
    resets: PasswordResetService,
    passwords: PasswordChangeService,
    emailChanges: Pick<EmailChangeService, 'request'>,
  ) {
    this.resets = resets
    this.passwords = passwords
    this.emailChanges = emailChanges
  }

  @Mutation(() => ConfirmationSentObject, {
    description:
      'Mails a link to choose a new password, good for 15 minutes; only the newest works. Answers alike whether or not the address is known; a mailbox gets at most ten an hour.',
  })
  requestPasswordReset(
    @Arg('email', () => EmailAddressScalar, { description: 'The address of the account.' }) email: string,
    @Ctx() context: RequestContext,
  ): Promise<ConfirmationSentObject> {
    return this.resets.request(email, context.client)
  }

  @Mutation(() => ResetPasswordResultUnion, {
    description:
      'Sets a new password by the token from the message, ends every session and all device trust, and signs nobody in. Of a user with a second factor it changes only once `verifyMfa` answers the challenge. TOKEN_INVALID when the token is wrong, used, replaced by a newer one or older than 15 minutes; PASSWORD_REJECTED, with which the token stays good, says why a password will not do.',
  })
  resetPassword(
    @Arg('input', () => ResetPasswordInput, { description: 'Token and new password.' }) input: ResetPasswordInput,
    @Ctx() context: RequestContext,
  ): Promise<ResetOutcome> {
    return this.resets.reset(input, context.client)
  }

  @Mutation(() => PasswordChangedObject, {
    description:
      "Replaces the password, with a step-up. Ends every other session and all device trust; the caller's goes on under a new token. INVALID_CREDENTIALS when the current password is wrong; ACCOUNT_LOCKED after ten times in a quarter of an hour; PASSWORD_REJECTED says why the new one will not do.",
  })
  changePassword(
    @Arg('input', () => ChangePasswordInput, { description: 'Both passwords.' }) input: ChangePasswordInput,
    @Ctx() context: RequestContext,
  ): Promise<PasswordChanged> {
    return this.passwords.changePassword(signedIn(context), input, context.client)
  }

  @Mutation(() => SteppedUpObject, {
    description:
      'Step-up for a user without a second factor: a right password raises the session for five minutes, under a new token. STEP_UP_REQUIRED, with a ready challenge, for a user who has a factor; CONFLICT when that one has proved it already. INVALID_CREDENTIALS for a wrong password; ACCOUNT_LOCKED after ten in a quarter of an hour.',
  })
  reauthenticate(
    @Arg('password', () => String, { description: "The caller's password." }) password: string,
    @Ctx() context: RequestContext,
  ): Promise<Reauthenticated> {
    return this.passwords.reauthenticate(signedIn(context), password, context.client)
  }

  @Mutation(() => ConfirmationSentObject, {
    description:
      'Asks for another address, with a step-up. It takes effect when `confirmEmail` gets the token sent there, within 24 hours; the old address is told at once and counts until then. Answers alike whether or not the address is taken; BAD_USER_INPUT when it is the one that the caller has.',
  })
  changeEmail(
    @Arg('newEmail', () => EmailAddressScalar, { description: 'The address to sign in with from then on.' })
    newEmail: string,
    @Ctx() context: RequestContext,
  ): Promise<ConfirmationSentObject> {
    return this.emailChanges.request(signedIn(context), newEmail, context.client)
  }
}
