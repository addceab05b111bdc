import 'reflect-metadata' // what type-graphql's decorators write to: this file may be the first of them
import { Arg, Ctx, Field, Mutation, ObjectType, Resolver } from 'type-graphql'
import { type RequestContext, signedIn } from '../sessions/caller.ts'
import type { AccessToken, IssueAccessToken } from './access-token-service.ts'

@ObjectType('AccessToken', {
  description: 'A signed token (JWT) that tells another service who calls it, for a few minutes.',
  simpleResolvers: true,
})
class AccessTokenObject implements AccessToken {
  @Field(() => String, {
    description:
      'The JWT, to send to the service as `Authorization: Bearer …`. Whoever has it is the user there; Gatehouse itself takes none.',
  })
  readonly token!: string

  @Field(() => String, { description: 'Always Bearer.' })
  readonly tokenType!: 'Bearer'

  @Field(() => Date, { description: 'When it ends: in five minutes, or with the session where that ends before.' })
  readonly expiresAt!: Date
}

@Resolver()
export class AccessTokenResolver {
  private readonly issue: IssueAccessToken

  constructor(issue: IssueAccessToken) {
    this.issue = issue
  }

  @Mutation(() => AccessTokenObject, {
    description:
      'A short-lived token for another service, which verifies it with the public keys at `/.well-known/jwks.json`. It can not be revoked: when the session ends before, it outlives it by five minutes at most. Ask again when it ends.',
  })
  issueAccessToken(
    @Arg('audience', () => String, {
      description:
        'The one service that it is for, by the name that the service goes by, for example https://billing.example.com: 1 to 255 printable ASCII characters without spaces. Every other service must refuse it.',
    })
    audience: string,
    @Ctx() context: RequestContext,
  ): Promise<AccessToken> {
    return this.issue(signedIn(context), audience, context.client)
  }
}
