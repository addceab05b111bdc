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
  Root,
} from 'type-graphql'
import { type RequestContext, signedIn, signedInOrNull } from '../sessions/caller.ts'
import { SessionObject } from '../sessions/session.graphql.ts'
import type { Session } from '../sessions/session.ts'
import { SignedInObject } from '../sessions/signed-in.graphql.ts'
import { MfaChallengeObject } from './challenge.graphql.ts'
import type { PendingChallenge } from './challenge-service.ts'
import type { Enrol, EnrolmentForm, TotpEnrolment } from './enrolment-service.ts'
import { MfaFactorObject, type MfaLoaders, MfaMethodEnum, MfaStatusObject } from './factor.graphql.ts'
import type { Factor, MfaMethod } from './factor.ts'
import type { MfaStatus } from './mfa-status-service.ts'
import { qrCodePng, qrCodeSvg } from './qr-code.ts'
import type { StepUpService } from './step-up-service.ts'
import type { Answer, MfaActivated, SteppedUp, VerificationOutcome, VerifyMfa } from './verification-service.ts'

@ObjectType('TotpEnrolment', {
  description: 'An authenticator app that waits for its first code. Its secret is shown this once, in three forms.',
  simpleResolvers: true,
})
class TotpEnrolmentObject implements TotpEnrolment {
  readonly kind!: 'totpEnrolment'

  @Field(() => MfaFactorObject, { description: 'The factor, PENDING until the challenge is answered.' })
  readonly factor!: Factor

  @Field(() => MfaChallengeObject, { description: 'Answer it with the first code to put the factor in force.' })
  readonly challenge!: PendingChallenge

  @Field(() => String, { description: 'Base32, 160 bits, for typing in by hand.' })
  readonly secret!: string

  @Field(() => String, { description: 'The Key URI that the QR codes hold; opens the app when followed on a phone.' })
  readonly otpauthUri!: string
}

@Resolver(() => TotpEnrolmentObject)
export class TotpEnrolmentResolver {
  @FieldResolver(() => String, { description: 'A PNG as a data: URL, to use as an image source.' })
  qrCode(@Root() enrolment: TotpEnrolment): Promise<string> {
    return qrCodePng(enrolment.otpauthUri)
  }

  @FieldResolver(() => String, { description: 'The same as an SVG document, sharp at any size.' })
  qrCodeSvg(@Root() enrolment: TotpEnrolment): Promise<string> {
    return qrCodeSvg(enrolment.otpauthUri)
  }
}

@ObjectType('BackupCodes', { description: 'Codes for the day that the other factors are lost.', simpleResolvers: true })
class BackupCodesObject {
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

  @Field(() => String, { nullable: true, description: "Replaces the caller's token, which is dead." })
  readonly sessionToken!: string
}

@Resolver(() => MfaActivatedObject)
export class MfaActivatedResolver {
  @FieldResolver(() => MfaStatusObject, { description: "All of the user's second factors, this one included." })
  mfa(@Ctx() context: RequestContext & MfaLoaders): Promise<MfaStatus> {
    return context.mfaStatuses.load(signedIn(context).account.id)
  }
}

@ObjectType('SteppedUp', {
  description: 'The session bears a fresh proof, which holds for five minutes.',
  simpleResolvers: true,
})
class SteppedUpObject implements SteppedUp {
  readonly kind!: 'steppedUp'

  @Field(() => SessionObject, { description: 'The session, with its new `elevatedUntil`.' })
  readonly session!: Session

  @Field(() => String, { nullable: true, description: "Replaces the caller's token, which is dead." })
  readonly sessionToken!: string
}

const MfaEnrolmentUnion = createUnionType({
  name: 'MfaEnrolment',
  description: 'An enrolment that has begun, by method.',
  types: () => [TotpEnrolmentObject] as const,
  resolveType: () => TotpEnrolmentObject,
})

const objectOf = { signedIn: SignedInObject, mfaActivated: MfaActivatedObject, steppedUp: SteppedUpObject }

const VerifyMfaResultUnion = createUnionType({
  name: 'VerifyMfaResult',
  description: "What a right code completed, by the challenge's purpose.",
  types: () => [SignedInObject, MfaActivatedObject, SteppedUpObject] as const,
  resolveType: ({ kind }: { kind: keyof typeof objectOf }) => objectOf[kind],
})

@InputType('EnrolMfaInput', { description: 'Which second factor to add.' })
class EnrolMfaInput implements EnrolmentForm {
  @Field(() => MfaMethodEnum, { description: 'The kind of factor.' })
  readonly method!: MfaMethod

  @Field(() => String, {
    nullable: true,
    description: 'A name for it, at most 64 characters; default: Authenticator app.',
  })
  readonly label?: string | null
}

@InputType('VerifyMfaInput', { description: 'The answer to a challenge.' })
class VerifyMfaInput implements Answer {
  @Field(() => ID, { description: 'The id of the challenge.' })
  readonly challengeId!: string

  @Field(() => String, { description: 'Six digits from the authenticator app. Each code works once.' })
  readonly code!: string

  @Field(() => MfaMethodEnum, {
    nullable: true,
    description: "Which method the code is for; default, any of the challenge's.",
  })
  readonly method?: MfaMethod | null
}

@Resolver()
export class MfaResolver {
  private readonly enrol: Enrol
  private readonly verify: VerifyMfa
  private readonly stepUp: StepUpService

  constructor(enrol: Enrol, verify: VerifyMfa, stepUp: StepUpService) {
    this.enrol = enrol
    this.verify = verify
    this.stepUp = stepUp
  }

  @Mutation(() => MfaEnrolmentUnion, {
    description:
      'Begins to enrol a second factor; an enrolment left unfinished is void. Nothing changes until its challenge is answered. STEP_UP_REQUIRED once another factor is active and the last proof is older than five minutes.',
  })
  enrolMfa(
    @Arg('input', () => EnrolMfaInput, { description: 'Which factor.' }) input: EnrolMfaInput,
    @Ctx() context: RequestContext,
  ): Promise<TotpEnrolment> {
    return this.enrol(signedIn(context), input, context.client)
  }

  @Mutation(() => VerifyMfaResultUnion, {
    description:
      'Answers a challenge. MFA_CODE_INVALID carries `attemptsRemaining`; CHALLENGE_EXPIRED means to start the act again. A challenge that a session opened is answered with that session only.',
  })
  verifyMfa(
    @Arg('input', () => VerifyMfaInput, { description: 'Challenge and code.' }) input: VerifyMfaInput,
    @Ctx() context: RequestContext,
  ): Promise<VerificationOutcome> {
    return this.verify(input, signedInOrNull(context), context.client)
  }

  @Mutation(() => MfaChallengeObject, {
    description:
      'Opens a challenge for a fresh proof by a second factor, which raises the session for five minutes. CONFLICT for a user without an active factor.',
  })
  requestStepUp(@Ctx() context: RequestContext): Promise<PendingChallenge> {
    return this.stepUp.request(signedIn(context), context.client)
  }
}
