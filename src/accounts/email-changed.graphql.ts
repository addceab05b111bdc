import { Field, ObjectType } from 'type-graphql'
import type { Account } from './account.ts'
import type { EmailChanged } from './email-change-service.ts'
import { UserObject } from './user.graphql.ts'

@ObjectType('EmailChanged', {
  description:
    'The new address is confirmed, and the one to sign in with. Signed in is who was: there is no token here.',
  simpleResolvers: true,
})
export class EmailChangedObject implements EmailChanged {
  readonly kind!: 'emailChanged'

  @Field(() => UserObject, { description: 'The user, with the new address.' })
  readonly user!: Account
}
