import { Arg, Ctx, Field, InputType, Int, Mutation, ObjectType, Query, Resolver } from 'type-graphql'
import type { Role } from '../accounts/account.ts'
import { RoleEnum } from '../accounts/user.graphql.ts'
import { graphqlEnum } from '../lib/enum.graphql.ts'
import { type RequestContext, signedIn } from '../sessions/caller.ts'
import type { MfaPolicy, MfaRequirement } from './policy.ts'
import type { Policies, SetPolicy } from './policy-service.ts'

const MfaRequirementEnum = graphqlEnum<MfaRequirement>('MfaRequirement', 'Whether a second factor is a must.', {
  OPTIONAL: 'Users may do without.',
  REQUIRED: 'Users must have one, after the days of grace: until then everything but enrolment is closed to them.',
})

@ObjectType('MfaPolicy', {
  description: 'Whether the users of a role must have a second factor.',
  simpleResolvers: true,
})
class MfaPolicyObject implements Omit<MfaPolicy, 'requiredSince'> {
  @Field(() => RoleEnum, { description: 'Whom it is for.' })
  readonly role!: Role

  @Field(() => MfaRequirementEnum, { description: 'Whether a second factor is a must.' })
  readonly requirement!: MfaRequirement

  @Field(() => Int, {
    description: 'For how many days a user may put it off, from the policy or the registration, whichever came later.',
  })
  readonly graceDays!: number

  @Field(() => Date, { nullable: true, description: 'When it was set; null while nobody has set it.' })
  readonly updatedAt!: Date | null
}

@InputType('MfaPolicyInput', { description: 'What a role must have from now on.' })
class MfaPolicyInput {
  @Field(() => RoleEnum, { description: 'Whom it is for.' })
  readonly role!: Role

  @Field(() => MfaRequirementEnum, { description: 'Whether a second factor is a must.' })
  readonly requirement!: MfaRequirement

  @Field(() => Int, { nullable: true, defaultValue: 0, description: 'Days of grace, from 0 to 365.' })
  readonly graceDays?: number | null
}

@Resolver()
export class MfaPolicyResolver {
  private readonly policies: Policies
  private readonly setPolicy: SetPolicy

  constructor(policies: Policies, setPolicy: SetPolicy) {
    this.policies = policies
    this.setPolicy = setPolicy
  }

  @Query(() => [MfaPolicyObject], { description: 'The policy of each role. For ADMIN and AUDITOR.' })
  mfaPolicies(): MfaPolicy[] {
    return this.policies.list()
  }

  @Mutation(() => MfaPolicyObject, {
    description:
      'Sets the policy of a role, which holds at once, on every server and for sessions that are live. For ADMIN, with a step-up.',
  })
  setMfaPolicy(
    @Arg('input', () => MfaPolicyInput, { description: 'The policy.' }) {
      role,
      requirement,
      graceDays,
    }: MfaPolicyInput,
    @Ctx() context: RequestContext,
  ): Promise<MfaPolicy> {
    return this.setPolicy(signedIn(context), { role, requirement, graceDays: graceDays ?? 0 }, context.client)
  }
}
