import { Field, FieldResolver, ObjectType, Resolver, Root } from 'type-graphql'
import type { Account } from '../accounts/account.ts'
import { UserObject } from '../accounts/user.graphql.ts'
import type { Admission } from './gate-service.ts'
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
      'The token to send as `Authorization: Bearer …` with every request. Shown this once; whoever has it is the user.',
  })
  readonly sessionToken!: string

  @Field(() => String, {
    nullable: true,
    description:
      'When this device was just trusted, or its trust was used: keep it and send it with the next login here. It replaces the one before it; that one used again ends the trust.',
  })
  readonly deviceToken!: string | null
}

@Resolver(() => SignedInObject)
export class SignedInResolver {
  @FieldResolver(() => SessionObject, { description: 'The session that was made.' })
  session(@Root() { session }: SignedInObject): Session & { isNew: true } {
    return { ...session, isNew: true }
  }
}
