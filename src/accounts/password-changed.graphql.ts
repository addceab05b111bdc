import { Field, Int, ObjectType } from 'type-graphql'
import type { PasswordChanged } from './password-reset-service.ts'

@ObjectType('PasswordChanged', {
  description: 'The new password is set. No device is trusted any more, and links mailed before are void.',
  simpleResolvers: true,
})
export class PasswordChangedObject implements PasswordChanged {
  readonly kind!: 'passwordChanged'

  @Field(() => Int, { description: 'How many sessions ended: every one but that of the caller.' })
  readonly endedSessions!: number

  @Field(() => String, {
    nullable: true,
    description:
      "Replaces the caller's token, which is dead. Null under the COOKIE transport, where it is in the cookie, and after a reset, which signs nobody in.",
  })
  readonly sessionToken!: string | null
}
