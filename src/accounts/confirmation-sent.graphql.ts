import { Field, ObjectType } from 'type-graphql'
import { EmailAddressScalar } from './email-address.graphql.ts'

@ObjectType('ConfirmationSent', {
  description: 'A message is on its way to a mailbox. Which one, and whether it holds a link, is told there alone.',
  simpleResolvers: true,
})
export class ConfirmationSentObject {
  @Field(() => EmailAddressScalar, { description: 'Where it goes.' })
  readonly email!: string

  @Field(() => Date, { description: 'Until when a link in it works.' })
  readonly expiresAt!: Date
}
