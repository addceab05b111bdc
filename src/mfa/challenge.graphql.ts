import { Field, FieldResolver, ID, Int, ObjectType, Resolver, Root } from 'type-graphql'
import { graphqlEnum } from '../lib/enum.graphql.ts'
import type { Admission } from '../sessions/gate-service.ts'
import { type ChallengePurpose, maxChallengeAttempts } from './challenge.ts'
import type { PendingChallenge } from './challenge-service.ts'
import { MfaFactorObject, MfaMethodEnum } from './factor.graphql.ts'
import type { Factor, MfaMethod } from './factor.ts'

const ChallengePurposeEnum = graphqlEnum<ChallengePurpose>('ChallengePurpose', 'What a right code completes.', {
  LOGIN: 'The sign-in that the password began.',
  ENROLMENT: 'The enrolment of a new factor.',
  STEP_UP: 'A fresh proof for a session that is signed in already.',
})

@ObjectType('MfaChallenge', {
  description:
    'One pending act that waits for a code. Whoever verifies it completes the act. It is over after ten minutes or five tries.',
  simpleResolvers: true,
})
export class MfaChallengeObject implements Pick<PendingChallenge, 'id' | 'purpose' | 'expiresAt' | 'factors'> {
  @Field(() => ID, { description: 'Give it to `verifyMfa` with a code.' })
  readonly id!: string

  @Field(() => ChallengePurposeEnum, { description: 'What a right code completes.' })
  readonly purpose!: ChallengePurpose

  @Field(() => Date, { description: 'Until when it can be answered.' })
  readonly expiresAt!: Date

  @Field(() => [MfaFactorObject], { description: 'The factors that may answer it, preferred first.' })
  readonly factors!: readonly Factor[]
}

@Resolver(() => MfaChallengeObject)
export class MfaChallengeResolver {
  @FieldResolver(() => Int, { description: 'How many codes can still be tried.' })
  attemptsRemaining(@Root() challenge: PendingChallenge): number {
    return maxChallengeAttempts - challenge.attempts
  }

  @FieldResolver(() => [MfaMethodEnum], { description: 'What may answer it, preferred first.' })
  methods(@Root() challenge: PendingChallenge): MfaMethod[] {
    return [...new Set(challenge.factors.map((factor) => factor.method))]
  }
}

@ObjectType('MfaRequired', {
  description: 'The password was right; a code from a second factor is needed to sign in.',
  simpleResolvers: true,
})
export class MfaRequiredObject implements Extract<Admission, { kind: 'mfaRequired' }> {
  readonly kind!: 'mfaRequired'

  @Field(() => MfaChallengeObject, { description: 'Answer it with `verifyMfa`.' })
  readonly challenge!: PendingChallenge
}
