import { Field, ObjectType } from 'type-graphql'
import { SessionObject } from '../sessions/session.graphql.ts'
import type { Session } from '../sessions/session.ts'
import type { SteppedUp } from './verification-service.ts'

@ObjectType('SteppedUp', {
  description: 'The session bears a fresh proof, which holds for five minutes.',
  simpleResolvers: true,
})
export class SteppedUpObject implements SteppedUp {
  readonly kind!: 'steppedUp'

  @Field(() => SessionObject, { description: 'The session, with its new `elevatedUntil`.' })
  readonly session!: Session

  @Field(() => String, {
    nullable: true,
    description:
      "Replaces the caller's token, which is dead. Null under the COOKIE transport, where it is in the cookie.",
  })
  readonly sessionToken!: string
}
