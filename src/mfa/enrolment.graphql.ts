import { createUnionType, Field, FieldResolver, InputType, ObjectType, Resolver, Root } from 'type-graphql'
import { MfaChallengeObject } from './challenge.graphql.ts'
import type { PendingChallenge } from './challenge.ts'
import type { EnrolmentForm, MfaEnrolment, SmsEnrolment, TotpEnrolment } from './enrolment-service.ts'
import { MfaFactorObject, MfaMethodEnum } from './factor.graphql.ts'
import type { Factor, MfaMethod } from './factor.ts'
import { PhoneNumberScalar } from './phone-number.graphql.ts'
import { qrCodePng, qrCodeSvg } from './qr-code.ts'

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

@ObjectType('SmsEnrolment', {
  description: 'A phone number that waits for its first code: have it sent with `sendMfaCode`.',
  simpleResolvers: true,
})
class SmsEnrolmentObject implements SmsEnrolment {
  readonly kind!: 'smsEnrolment'

  @Field(() => MfaFactorObject, { description: 'The factor, PENDING until the challenge is answered.' })
  readonly factor!: Factor

  @Field(() => MfaChallengeObject, { description: 'Send a code for it, and answer it with that code.' })
  readonly challenge!: PendingChallenge
}

@Resolver(() => SmsEnrolmentObject)
export class SmsEnrolmentResolver {
  @FieldResolver(() => String, {
    description:
      'What to tell the user before they go on, in English: text messages are the weaker choice, and which is stronger (NIST SP 800-63B-4 §3.2.9).',
  })
  riskNotice(): string {
    return 'Codes by text message are the weaker choice: whoever takes over your phone number, by a stolen or swapped SIM card, receives them too. An authenticator app does not have this weakness. Use your number as a backup.'
  }
}

export const MfaEnrolmentUnion = createUnionType({
  name: 'MfaEnrolment',
  description: 'An enrolment that has begun, by method.',
  types: () => [TotpEnrolmentObject, SmsEnrolmentObject] as const,
  resolveType: ({ kind }: MfaEnrolment) => (kind === 'totpEnrolment' ? TotpEnrolmentObject : SmsEnrolmentObject),
})

@InputType('EnrolMfaInput', { description: 'Which second factor to add.' })
export class EnrolMfaInput implements EnrolmentForm {
  @Field(() => MfaMethodEnum, { description: 'The kind of factor: TOTP or SMS.' })
  readonly method!: MfaMethod

  @Field(() => String, {
    nullable: true,
    description: 'A name for it, at most 64 characters; default: Authenticator app, or Phone.',
  })
  readonly label?: string | null

  @Field(() => PhoneNumberScalar, {
    nullable: true,
    description: 'For SMS: a mobile number in a country that the server sends to.',
  })
  readonly phoneNumber?: string | null
}
