import type DataLoader from 'dataloader'
import { Ctx, Field, FieldResolver, ID, Int, ObjectType, Resolver, Root } from 'type-graphql'
import type { Account } from '../accounts/account.ts'
import { UserObject } from '../accounts/user.graphql.ts'
import { graphqlEnum } from '../lib/enum.graphql.ts'
import type { Factor, FactorStatus, MfaMethod } from './factor.ts'
import type { MfaStatus } from './mfa-status-service.ts'

export const MfaMethodEnum = graphqlEnum<MfaMethod>('MfaMethod', 'A kind of second factor.', {
  TOTP: 'Codes from an authenticator app, six digits that change every 30 s (RFC 6238).',
  SMS: 'Six digits in a text message, good for five minutes. The weaker choice: numbers can be taken over.',
  BACKUP_CODE:
    'One of ten codes on paper, each good once. Never enrolled by itself: the set comes with the first factor.',
})

const MfaFactorStatusEnum = graphqlEnum<FactorStatus>('MfaFactorStatus', 'Whether a factor is in force.', {
  PENDING: 'Enrolment has begun; it counts once its first code is verified.',
  ACTIVE: 'In force: every sign-in asks for a second factor.',
  DISABLED:
    'Takes no codes any more, after 100 wrong ones in a row; sign-in asks for a second factor all the same. Remove it and enrol it again.',
})

@ObjectType('MfaFactor', {
  description: "One of a user's second factors. Its secret is in no field.",
  simpleResolvers: true,
})
export class MfaFactorObject implements Omit<Factor, 'userId'> {
  @Field(() => ID, { description: 'Names the factor, and opens nothing.' })
  readonly id!: string

  @Field(() => MfaMethodEnum, { description: 'What kind it is.' })
  readonly method!: MfaMethod

  @Field(() => String, {
    description: "The user's name for it, at most 64 characters. Encode it wherever it is shown.",
  })
  readonly label!: string

  @Field(() => MfaFactorStatusEnum, { description: 'Whether it is in force.' })
  readonly status!: FactorStatus

  @Field(() => Boolean, { description: 'Whether challenges offer it first.' })
  readonly preferred!: boolean

  @Field(() => String, {
    nullable: true,
    description: 'For SMS: the number with all but its last two digits hidden, to its owner too.',
  })
  readonly maskedPhoneNumber!: string | null

  @Field(() => Date, { description: 'When its enrolment began.' })
  readonly createdAt!: Date

  @Field(() => Date, { nullable: true, description: 'When its first code was verified; null until then.' })
  readonly activatedAt!: Date | null

  @Field(() => Date, { nullable: true, description: 'When a code of it was last accepted; null before the first.' })
  readonly lastUsedAt!: Date | null
}

@ObjectType('MfaStatus', { description: "A user's second factors.", simpleResolvers: true })
export class MfaStatusObject implements MfaStatus {
  @Field(() => Boolean, { description: 'Whether a factor is in force, so that signing in takes a second factor.' })
  readonly enabled!: boolean

  @Field(() => Boolean, { description: "Whether policy obliges users of this user's role to have a factor." })
  readonly required!: boolean

  @Field(() => Date, {
    nullable: true,
    description:
      'Until when the user may still put it off: from then on MFA_ENROLMENT_REQUIRED answers everything but enrolment. Null where nothing is owed.',
  })
  readonly graceEndsAt!: Date | null

  @Field(() => [MfaFactorObject], {
    description: 'All factors, a pending one included; the preferred first, then the oldest.',
  })
  readonly factors!: readonly Factor[]

  @Field(() => MfaFactorObject, {
    nullable: true,
    description: 'The factor that challenges offer first; null without an active one.',
  })
  readonly preferredFactor!: Factor | null

  @Field(() => Int, { description: 'How many backup codes are still unused.' })
  readonly backupCodesRemaining!: number
}

/** Reads the second factors of many users in one go. */
export interface MfaLoaders {
  readonly mfaStatuses: DataLoader<Account, MfaStatus>
}

@Resolver(() => UserObject)
export class UserMfaResolver {
  @FieldResolver(() => MfaStatusObject, { description: "The user's second factors." })
  mfa(@Root() user: Account, @Ctx() { mfaStatuses }: MfaLoaders): Promise<MfaStatus> {
    return mfaStatuses.load(user)
  }
}
