import { Field, FieldResolver, ID, Int, ObjectType, Resolver, Root } from 'type-graphql'
import { graphqlEnum } from '../lib/enum.graphql.ts'
import type { Admission } from '../sessions/gate-service.ts'
import {
  type ChallengePurpose,
  maxChallengeAttempts,
  methodsOf,
  type PendingChallenge,
  resendAvailableAt,
} from './challenge.ts'
import { MfaFactorObject, MfaMethodEnum } from './factor.graphql.ts'
import type { Factor, MfaMethod } from './factor.ts'

const ChallengePurposeEnum = graphqlEnum<ChallengePurpose>('ChallengePurpose', 'What a right code completes.', {
  LOGIN: 'The sign-in that the password began.',
  ENROLMENT: 'The enrolment of a new factor.',
  STEP_UP: 'A fresh proof for a session that is signed in already.',
  PASSWORD_RESET: 'The new password that a reset chose.',
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

  @FieldResolver(() => [MfaMethodEnum], {
    description:
      'What may answer it, preferred first. SMS needs `sendMfaCode` before; BACKUP_CODE is for when the others are lost. Empty when every factor is disabled and no backup code is left.',
  })
  methods(@Root() challenge: PendingChallenge): MfaMethod[] {
    return methodsOf(challenge)
  }

  @FieldResolver(() => String, {
    nullable: true,
    description: 'Where the last code was sent, with all but the last digits hidden; null until one was sent.',
  })
  sentTo(@Root() { factors, smsFactorId }: PendingChallenge): string | null {
    return factors.find((factor) => factor.id === smsFactorId)?.maskedPhoneNumber ?? null
  }

  @FieldResolver(() => Date, {
    nullable: true,
    description: 'When `sendMfaCode` may send another code; null until one was sent.',
  })
  resendAvailableAt(@Root() challenge: PendingChallenge): Date | null {
    return resendAvailableAt(challenge)
  }
}

@ObjectType('MfaRequired', {
  description:
    'So far it was right; a code from a second factor is needed to sign in, or to complete a password reset.',
  simpleResolvers: true,
})
export class MfaRequiredObject implements Extract<Admission, { kind: 'mfaRequired' }> {
  readonly kind!: 'mfaRequired'

  @Field(() => MfaChallengeObject, { description: 'Answer it with `verifyMfa`.' })
  readonly challenge!: PendingChallenge
}
