import { Arg, Ctx, createUnionType, Field, InputType, Mutation, Query, Resolver } from 'type-graphql'
import { MfaRequiredObject } from '../mfa/challenge.graphql.ts'
import { type RequestContext, signedIn } from '../sessions/caller.ts'
import type { Admission } from '../sessions/gate-service.ts'
import { SessionTransportEnum } from '../sessions/session.graphql.ts'
import type { SessionTransport } from '../sessions/session.ts'
import { SessionLimitReachedObject } from '../sessions/session-limit.graphql.ts'
import { SignedInObject } from '../sessions/signed-in.graphql.ts'
import type { Account } from './account.ts'
import { ConfirmationSentObject } from './confirmation-sent.graphql.ts'
import { EmailAddressScalar } from './email-address.graphql.ts'
import type { EmailChanged, EmailChangeService } from './email-change-service.ts'
import { EmailChangedObject } from './email-changed.graphql.ts'
import type { RegistrationForm, RegistrationService } from './registration-service.ts'
import type { SignIn } from './sign-in-service.ts'
import { UserObject } from './user.graphql.ts'

const objectOf = {
  signedIn: SignedInObject,
  mfaRequired: MfaRequiredObject,
  sessionLimitReached: SessionLimitReachedObject,
}

const LoginResultUnion = createUnionType({
  name: 'LoginResult',
  description: 'What came of a right password.',
  types: () => [SignedInObject, MfaRequiredObject, SessionLimitReachedObject] as const,
  resolveType: ({ kind }: Admission) => objectOf[kind],
})

const ConfirmEmailResultUnion = createUnionType({
  name: 'ConfirmEmailResult',
  description: 'What came of a confirmed address.',
  types: () => [SignedInObject, EmailChangedObject] as const,
  resolveType: ({ kind }: { kind: string }) => (kind === 'signedIn' ? SignedInObject : EmailChangedObject),
})

@InputType('RegisterInput', { description: 'A new account.' })
class RegisterInput implements RegistrationForm {
  @Field(() => EmailAddressScalar, { description: 'The address to sign in with.' })
  readonly email!: string

  @Field(() => String, {
    description: '8 to 128 characters of any kind; 15 or more are recommended. Common ones are refused.',
  })
  readonly password!: string

  @Field(() => String, { nullable: true, description: 'How the user wants to be called, at most 100 characters.' })
  readonly displayName?: string | null
}

@InputType('ConfirmEmailInput', { description: 'The proof that a mailbox was read.' })
class ConfirmEmailInput {
  @Field(() => String, { description: 'The token from the message: what follows `#token=` in its link.' })
  readonly token!: string

  @Field(() => SessionTransportEnum, {
    nullable: true,
    defaultValue: 'BEARER',
    description: 'How the token of the new session is to travel.',
  })
  readonly transport?: SessionTransport | null
}

@InputType('LoginInput', { description: 'Address and password.' })
class LoginInput {
  @Field(() => EmailAddressScalar, { description: 'The address of the account.' })
  readonly email!: string

  @Field(() => String, { description: 'The password, exactly as it was chosen.' })
  readonly password!: string

  @Field(() => SessionTransportEnum, {
    nullable: true,
    defaultValue: 'BEARER',
    description: 'How the token of the new session is to travel.',
  })
  readonly transport?: SessionTransport | null

  @Field(() => String, {
    nullable: true,
    description:
      'The newest `deviceToken` that this device was given, where it is trusted. One that does not count is ignored. Not needed under the COOKIE transport: the browser sends its own.',
  })
  readonly deviceToken?: string | null
}

@Resolver()
export class AccountResolver {
  private readonly registration: RegistrationService
  private readonly signIn: SignIn
  private readonly emailChanges: Pick<EmailChangeService, 'confirm'>

  constructor(registration: RegistrationService, signIn: SignIn, emailChanges: Pick<EmailChangeService, 'confirm'>) {
    this.registration = registration
    this.signIn = signIn
    this.emailChanges = emailChanges
  }

  @Query(() => UserObject, { description: 'The caller.' })
  me(@Ctx() context: RequestContext): Account {
    return signedIn(context).account
  }

  @Mutation(() => ConfirmationSentObject, {
    description:
      'Registers an account. Answers alike whether or not the address is taken; what follows goes to the mailbox. PASSWORD_REJECTED says why a password will not do.',
  })
  register(
    @Arg('input', () => RegisterInput, { description: 'The new account.' }) input: RegisterInput,
    @Ctx() context: RequestContext,
  ): Promise<ConfirmationSentObject> {
    return this.registration.register(input, context.client)
  }

  @Mutation(() => ConfirmEmailResultUnion, {
    description:
      'Confirms an address: that of a registration, and signs in, or the new one that `changeEmail` asked for, which signs nobody in. TOKEN_INVALID when the token is wrong, used or older than 24 hours.',
  })
  async confirmEmail(
    @Arg('input', () => ConfirmEmailInput, { description: 'The token.' }) input: ConfirmEmailInput,
    @Ctx() context: RequestContext,
  ): Promise<Admission | EmailChanged> {
    const { token, transport } = input
    const changed = await this.emailChanges.confirm(token, context.client)
    return changed ?? this.registration.confirmEmail(token, transport ?? 'BEARER', context.client)
  }

  @Mutation(() => LoginResultUnion, {
    description:
      'Signs in with a password. A user with an active second factor gets a challenge first. INVALID_CREDENTIALS for an unknown address as for a wrong password; ACCOUNT_LOCKED, for either, after ten failures in a quarter of an hour; ACCOUNT_SUSPENDED to who knows the password of a suspended account. CONFLICT when the user has as many sessions as they may, and policy is to deny more.',
  })
  login(
    @Arg('input', () => LoginInput, { description: 'Address and password.' }) input: LoginInput,
    @Ctx() context: RequestContext,
  ): Promise<Admission> {
    const { deviceToken, transport } = input
    const kept = transport === 'COOKIE' ? context.cookies.deviceToken : undefined
    return this.signIn({ ...input, deviceToken: deviceToken ?? kept }, context.client)
  }
}
