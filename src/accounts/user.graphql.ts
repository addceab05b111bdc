import { Field, ID, ObjectType } from 'type-graphql'
import { graphqlEnum } from '../lib/enum.graphql.ts'
import type { Account, Role, UserStatus } from './account.ts'
import { EmailAddressScalar } from './email-address.graphql.ts'

export const RoleEnum = graphqlEnum<Role>('Role', 'What a user may do besides managing their own account.', {
  USER: 'Manages their own account and nothing else.',
  AUDITOR: 'Reads every user, their sessions and security events, and changes nothing.',
  ADMIN:
    'Reads what an AUDITOR reads, ends the sessions of others, suspends accounts, resets second factors, and sets roles and policies.',
})

export const UserStatusEnum = graphqlEnum<UserStatus>('UserStatus', 'Where an account stands in its life.', {
  PENDING: 'Registered, and the email address is not confirmed yet: nobody can sign in.',
  ACTIVE: 'In use.',
  SUSPENDED: 'Closed by an administrator: nobody can sign in until one reinstates it.',
  ERASED: 'Gone for good. The id is left and is given to nobody else; the address, which names nobody, is made of it.',
})

@ObjectType('User', { description: 'A person with an account.', simpleResolvers: true })
export class UserObject implements Omit<Account, 'sessionTag' | 'version' | 'mfaEnabled'> {
  @Field(() => ID, { description: 'Opaque, and never given to another user.' })
  readonly id!: string

  @Field(() => EmailAddressScalar, { description: 'The address that the user signs in with.' })
  readonly email!: string

  @Field(() => Date, {
    nullable: true,
    description:
      'When the address was confirmed by its mailbox, or by the operator who opened the account; null until then.',
  })
  readonly emailConfirmedAt!: Date | null

  @Field(() => String, {
    nullable: true,
    description: 'How the user wants to be called. Text of their own: encode it wherever it is shown.',
  })
  readonly displayName!: string | null

  @Field(() => RoleEnum, { description: 'What the user may do.' })
  readonly role!: Role

  @Field(() => UserStatusEnum, { description: 'Whether the account is in use.' })
  readonly status!: UserStatus

  @Field(() => Date, { description: 'When the user registered.' })
  readonly createdAt!: Date

  @Field(() => Date, { nullable: true, description: 'When the user last signed in; null before the first time.' })
  readonly lastLoginAt!: Date | null
}
