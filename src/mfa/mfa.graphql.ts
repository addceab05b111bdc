import {
  Arg,
  Ctx,
  createUnionType,
  Field,
  FieldResolver,
  ID,
  InputType,
  Mutation,
  ObjectType,
  Resolver,
} from 'type-graphql'
import { PasswordChangedObject } from '../accounts/password-changed.graphql.ts'
import { type RequestContext, signedIn, signedInOrNull } from '../sessions/caller.ts'
import { SessionLimitReachedObject } from '../sessions/session-limit.graphql.ts'
import { SignedInObject } from '../sessions/signed-in.graphql.ts'
import type { MfaActivated } from './activation-service.ts'
import type { BackupCodes, RegenerateBackupCodes } from './backup-codes-service.ts'
import { MfaChallengeObject } from './challenge.graphql.ts'
import type { PendingChallenge } from './challenge.ts'
import { EnrolMfaInput, MfaEnrolmentUnion } from './enrolment.graphql.ts'
import type { Enrol, MfaEnrolment } from './enrolment-service.ts'
import { MfaFactorObject, type MfaLoaders, MfaMethodEnum, MfaStatusObject } from './factor.graphql.ts'
import type { Factor, MfaMethod } from './factor.ts'
import type { FactorService } from './factor-service.ts'
import type { MfaStatus } from './mfa-status-service.ts'
import type { SmsCodeService } from './sms-code-service.ts'
import type { StepUp } from './step-up-service.ts'
import { SteppedUpObject } from './stepped-up.graphql.ts'
import type { Answer, VerificationOutcome, VerifyMfa } from './verification-service.ts'

@ObjectType('BackupCodes', { description: 'Codes for the day that the other factors are lost.', simpleResolvers: true })
class BackupCodesObject implements BackupCodes {
  @Field(() => [String], {
    description: 'Ten codes, shown this once: have the user save them. A new set voids the one before it.',
  })
  readonly codes!: readonly string[]

  @Field(() => Date, { description: 'When they were made.' })
  readonly createdAt!: Date
}

@ObjectType('MfaActivated', {
  description: 'The factor is in force: from now on every sign-in asks for it.',
  simpleResolvers: true,
})
class MfaActivatedObject implements MfaActivated {
  readonly kind!: 'mfaActivated'

  @Field(() => MfaFactorObject, { description: 'The factor, now ACTIVE.' })
  readonly factor!: Factor

  @Field(() => BackupCodesObject, {
    nullable: true,
    description: "Come with the user's first factor only; null with any later one.",
  })
  readonly backupCodes!: MfaActivated['backupCodes']

  @Field(() => String, {
    nullable: true,
    description:
      "Replaces the caller's token, which is dead. Null under the COOKIE transport, where it is in the cookie.",
  })
  readonly sessionToken!: string
}

@Resolver(() => MfaActivatedObject)
export class MfaActivatedResolver {
  @FieldResolver(() => MfaStatusObject, { description: "All of the user's second factors, this one included." })
  mfa(@Ctx() context: RequestContext & MfaLoaders): Promise<MfaStatus> {
    return context.mfaStatuses.load(signedIn(context).account)
  }
}

const objectOf = {
  signedIn: SignedInObject,
  sessionLimitReached: SessionLimitReachedObject,
  mfaActivated: MfaActivatedObject,
  steppedUp: SteppedUpObject,
  passwordChanged: PasswordChangedObject,
}

const VerifyMfaResultUnion = createUnionType({
  name: 'VerifyMfaResult',
  description: "What a right code completed, by the challenge's purpose.",
  types: () =>
    [SignedInObject, SessionLimitReachedObject, MfaActivatedObject, SteppedUpObject, PasswordChangedObject] as const,
  resolveType: ({ kind }: { kind: keyof typeof objectOf }) => objectOf[kind],
})

@InputType('VerifyMfaInput', { description: 'The answer to a challenge.' })
class VerifyMfaInput implements Answer {
  @Field(() => ID, { description: 'The id of the challenge.' })
  readonly challengeId!: string

  @Field(() => String, {
    description:
      'Six digits, from the authenticator app or the text message, or a backup code such as 3-XXXXX-XXXXX, in any case and with or without its dashes. Each code works once.',
  })
  readonly code!: string

  @Field(() => MfaMethodEnum, {
    nullable: true,
    description:
      "Which method the code is for; default, by its form: six digits for the challenge's factors, the preferred first, else a backup code.",
  })
  readonly method?: MfaMethod | null

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'At login: skip the second factor on this device for 30 days. Does nothing for other challenges.',
  })
  readonly trustDevice?: boolean | null
}

@InputType('SendMfaCodeInput', { description: 'Where to send a code.' })
class SendMfaCodeInput {
  @Field(() => ID, { description: 'The id of the challenge that the code is to answer.' })
  readonly challengeId!: string

  @Field(() => ID, {
    nullable: true,
    description: "Which of the challenge's SMS factors; default, the first. NOT_FOUND when it is none of them.",
  })
  readonly factorId?: string | null
}

@Resolver()
export class MfaResolver {
  private readonly enrol: Enrol
  private readonly verify: VerifyMfa
  private readonly stepUp: Pick<StepUp, 'request'>
  private readonly smsCodes: SmsCodeService
  private readonly factors: FactorService
  private readonly regenerate: RegenerateBackupCodes

  constructor(
    enrol: Enrol,
    verify: VerifyMfa,
    stepUp: Pick<StepUp, 'request'>,
    smsCodes: SmsCodeService,
    factors: FactorService,
    regenerate: RegenerateBackupCodes,
  ) {
    this.enrol = enrol
    this.verify = verify
    this.stepUp = stepUp
    this.smsCodes = smsCodes
    this.factors = factors
    this.regenerate = regenerate
  }

  @Mutation(() => MfaEnrolmentUnion, {
    description:
      'Begins to enrol a second factor; an enrolment left unfinished is void. Nothing changes until its challenge is answered. STEP_UP_REQUIRED once another factor is active and the last proof is older than five minutes, and for a first factor in a session older than fifteen minutes without one; CONFLICT beyond ten factors.',
  })
  enrolMfa(
    @Arg('input', () => EnrolMfaInput, { description: 'Which factor.' }) input: EnrolMfaInput,
    @Ctx() context: RequestContext,
  ): Promise<MfaEnrolment> {
    return this.enrol(signedIn(context), input, context.client)
  }

  @Mutation(() => VerifyMfaResultUnion, {
    description:
      'Answers a challenge. MFA_CODE_INVALID carries `attemptsRemaining`; CHALLENGE_EXPIRED means to start the act again; ACCOUNT_LOCKED, after ten wrong codes in a quarter of an hour over all challenges, to wait; CONFLICT that the user has as many sessions as they may, and policy is to deny more. A challenge that a session opened is answered with that session only.',
  })
  verifyMfa(
    @Arg('input', () => VerifyMfaInput, { description: 'Challenge and code.' }) input: VerifyMfaInput,
    @Ctx() context: RequestContext,
  ): Promise<VerificationOutcome> {
    return this.verify(input, signedInOrNull(context), context.client)
  }

  @Mutation(() => MfaChallengeObject, {
    description:
      'Sends, or sends again, the code of an SMS factor; the code before it is void. RATE_LIMITED before `resendAvailableAt`, after five codes for a challenge, and beyond the hourly and daily limits of a number, user or network. DELIVERY_FAILED when the provider fails: try again, or use another method.',
  })
  sendMfaCode(
    @Arg('input', () => SendMfaCodeInput, { description: 'The challenge, and which factor.' }) input: SendMfaCodeInput,
    @Ctx() context: RequestContext,
  ): Promise<PendingChallenge> {
    return this.smsCodes.send(input, signedInOrNull(context), context.client)
  }

  @Mutation(() => MfaChallengeObject, {
    description:
      'Opens a challenge for a fresh proof by a second factor, which raises the session for five minutes. CONFLICT for a user without one, who has `reauthenticate`.',
  })
  requestStepUp(@Ctx() context: RequestContext): Promise<PendingChallenge> {
    return this.stepUp.request(signedIn(context), context.client)
  }

  @Mutation(() => MfaFactorObject, {
    description: "Renames one of the caller's factors. NOT_FOUND for a factor of someone else.",
  })
  renameMfaFactor(
    @Arg('id', () => ID, { description: 'The id of the factor.' }) id: string,
    @Arg('label', () => String, { description: 'The new name, at most 64 characters.' }) label: string,
    @Ctx() context: RequestContext,
  ): Promise<Factor> {
    return this.factors.rename(signedIn(context), id, label)
  }

  @Mutation(() => MfaFactorObject, {
    description:
      "Has challenges offer one of the caller's active factors first. NOT_FOUND for a factor of someone else, or not in force.",
  })
  setPreferredMfaFactor(
    @Arg('id', () => ID, { description: 'The id of the factor.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Factor> {
    return this.factors.prefer(signedIn(context), id)
  }

  @Mutation(() => MfaStatusObject, {
    description:
      "Removes one of the caller's factors, with a step-up. Ends every other session, all device trust and mailed links; the last factor takes the backup codes with it. CONFLICT when policy obliges the user to keep it. NOT_FOUND for a factor of someone else.",
  })
  async removeMfaFactor(
    @Arg('id', () => ID, { description: 'The id of the factor.' }) id: string,
    @Ctx() context: RequestContext & MfaLoaders,
  ): Promise<MfaStatus> {
    await this.factors.remove(signedIn(context), id, context.client)
    return context.mfaStatuses.load(signedIn(context).account)
  }

  @Mutation(() => BackupCodesObject, {
    description:
      'Makes ten new backup codes, with a step-up; the old ones are void. CONFLICT for a user without a second factor.',
  })
  regenerateBackupCodes(@Ctx() context: RequestContext): Promise<BackupCodes> {
    return this.regenerate(signedIn(context), context.client)
  }
}
