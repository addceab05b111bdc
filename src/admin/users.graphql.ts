import { Arg, Field, ID, InputType, Int, ObjectType, Query, Resolver } from 'type-graphql'
import type { Account, Role, UserStatus } from '../accounts/account.ts'
import { RoleEnum, UserObject, UserStatusEnum } from '../accounts/user.graphql.ts'
import { afterArgument, defaultPageSize, firstArgument, PageInfoObject } from '../lib/page.graphql.ts'
import type { Edge } from '../page.ts'
import { SessionObject } from '../sessions/session.graphql.ts'
import type { Session } from '../sessions/session.ts'
import type { UserQuery } from './user-filter.ts'
import type { UserConnection, UserReading } from './user-reading-service.ts'

@ObjectType('UserEdge', { description: 'A user at their place in a list.', simpleResolvers: true })
class UserEdgeObject implements Edge<Account> {
  @Field(() => String, { description: 'The place: give it as `after` to go on behind this user.' })
  readonly cursor!: string

  @Field(() => UserObject, { description: 'The user.' })
  readonly node!: Account
}

@ObjectType('UserConnection', { description: 'A page of users, the newest first.', simpleResolvers: true })
class UserConnectionObject implements UserConnection {
  @Field(() => [UserEdgeObject], { description: 'The users of this page.' })
  readonly edges!: readonly Edge<Account>[]

  @Field(() => PageInfoObject, { description: 'Whether and how to go on.' })
  readonly pageInfo!: UserConnection['pageInfo']
}

@InputType('UserFilter', { description: 'Which users to list: those that fit everything given.' })
class UserFilterInput implements UserQuery {
  @Field(() => String, {
    nullable: true,
    description: 'Whose address has these 3 to 254 characters in it somewhere, in either case: `@example.com`, `anna`.',
  })
  readonly email?: string | null

  @Field(() => RoleEnum, { nullable: true, description: 'Of this role.' })
  readonly role?: Role | null

  @Field(() => UserStatusEnum, { nullable: true, description: 'Whose account has this status.' })
  readonly status?: UserStatus | null

  @Field(() => Boolean, {
    nullable: true,
    description: 'True: with a second factor in force, or disabled and not removed. False: with none.',
  })
  readonly mfaEnabled?: boolean | null
}

@Resolver()
export class UsersResolver {
  private readonly reading: UserReading

  constructor(reading: UserReading) {
    this.reading = reading
  }

  @Query(() => UserObject, {
    nullable: true,
    description: 'A user, whatever the status of the account; null when there is none. For ADMIN and AUDITOR.',
  })
  user(@Arg('id', () => ID, { description: 'The id of the user.' }) id: string): Promise<Account | null> {
    return this.reading.find(id)
  }

  @Query(() => UserConnectionObject, {
    description:
      'All users, whatever the status of their account, those who registered last first. For ADMIN and AUDITOR. BAD_USER_INPUT names the argument that is not acceptable.',
  })
  users(
    @Arg('first', () => Int, firstArgument) first: number | null,
    @Arg('after', () => String, afterArgument) after: string | null,
    @Arg('filter', () => UserFilterInput, { nullable: true, description: 'Which users; null for all.' })
    filter: UserFilterInput | null,
  ): Promise<UserConnection> {
    return this.reading.page({ first: first ?? defaultPageSize, after, filter })
  }

  @Query(() => [SessionObject], {
    description:
      "A user's live sessions, the most recently active first, at most 100. For ADMIN and AUDITOR. NOT_FOUND when there is no such user.",
  })
  userSessions(@Arg('userId', () => ID, { description: 'The id of the user.' }) userId: string): Promise<Session[]> {
    return this.reading.sessionsOf(userId)
  }
}
