import { Ctx, Field, FieldResolver, Mutation, ObjectType, Resolver, Root } from 'type-graphql'
import type { Account } from '../accounts/account.ts'
import { UserObject } from '../accounts/user.graphql.ts'
import { type RequestContext, signedIn } from './caller.ts'
import type { Admission } from './gate-service.ts'
import type { RefreshSession } from './refresh-service.ts'
import { SessionObject } from './session.graphql.ts'
import type { Session } from './session.ts'

@ObjectType('SignedIn', { description: 'The user is signed in.', simpleResolvers: true })
export class SignedInObject implements Extract<Admission, { kind: 'signedIn' }> {
  readonly kind!: 'signedIn'

  @Field(() => UserObject, { description: 'Who signed in.' })
  readonly user!: Account

  readonly session!: Session

  @Field(() => String, {
    nullable: true,
    description:
      'The token to send as `Authorization: Bearer …` with every request. Shown this once; whoever has it is the user. Null under the COOKIE transport, where the token is in an HttpOnly cookie.',
  })
  readonly sessionToken!: string

  @Field(() => String, {
    nullable: true,
    description:
      'When this device was just trusted, or its trust was used: keep it and send it with the next login here. It replaces the one before it; that one used again ends the trust. Null under the COOKIE transport, where it is in a cookie too.',
  })
  readonly deviceToken!: string | null
}

@Resolver(() => SignedInObject)
export class SignedInResolver {
  private readonly refresh: RefreshSession

  constructor(refresh: RefreshSession) {
    this.refresh = refresh
  }

  @Mutation(() => SignedInObject, {
    description:
      "Replaces the token of the caller's session; its idle time begins anew, `expiresAt` stays. For five seconds, and until a step-up, the old token still reads and signs out, and refreshing it again gives the same new one, for parallel tabs; used later, or after another refresh, it ends the session with TOKEN_REUSED. ACCOUNT_LOCKED while wrong codes have locked the account; RATE_LIMITED beyond 200 in a quarter of an hour.",
  })
  refreshSession(@Ctx() context: RequestContext): Promise<SignedInObject> {
    return this.refresh(signedIn(context), context.client)
  }

  @FieldResolver(() => SessionObject, { description: 'The session that was made.' })
  session(@Root() { session }: SignedInObject): Session & { isNew: true } {
    return { ...session, isNew: true }
  }
}
