import { Arg, Ctx, Field, ID, InputType, Mutation, ObjectType, Resolver } from 'type-graphql'
import type { RequestContext } from './caller.ts'
import type { Admission } from './gate-service.ts'
import { SessionObject } from './session.graphql.ts'
import type { Session } from './session.ts'
import type { SessionLimitReached } from './session-limit.ts'
import type { ResolveSessionLimit, SessionLimitChoice } from './session-limit-service.ts'
import { SignedInObject } from './signed-in.graphql.ts'

@ObjectType('SessionLimitReached', {
  description:
    'Everything is proved, and the user has as many sessions as they may: end one of these with `resolveSessionLimit` to get in.',
  simpleResolvers: true,
})
export class SessionLimitReachedObject implements SessionLimitReached {
  readonly kind!: 'sessionLimitReached'

  @Field(() => ID, {
    description: 'Signs in, once, after a session is ended. Shown this once; whoever has it is as good as signed in.',
  })
  readonly ticket!: string

  @Field(() => [SessionObject], { description: "The user's live sessions, the most recently active first." })
  readonly sessions!: readonly Session[]

  @Field(() => Date, { description: 'When the ticket is void, five minutes from its making: then sign in again.' })
  readonly expiresAt!: Date
}

@InputType('ResolveSessionLimitInput', { description: 'Which sessions to end, to get in.' })
class ResolveSessionLimitInput implements SessionLimitChoice {
  @Field(() => ID, { description: 'The `ticket` of SessionLimitReached.' })
  readonly ticket!: string

  @Field(() => [ID], { description: 'The ids of the sessions to end, at most 100. They end with LIMIT_REACHED.' })
  readonly endSessionIds!: string[]
}

@Resolver()
export class SessionLimitResolver {
  private readonly resolve: ResolveSessionLimit

  constructor(resolve: ResolveSessionLimit) {
    this.resolve = resolve
  }

  @Mutation(() => SignedInObject, {
    description:
      'Ends sessions and signs in, or does nothing. CHALLENGE_EXPIRED when the ticket is spent, expired or unknown: sign in again. CONFLICT when too few sessions were chosen, after which the ticket still holds. NOT_FOUND for a session of someone else.',
  })
  resolveSessionLimit(
    @Arg('input', () => ResolveSessionLimitInput, { description: 'The ticket and the choice.' })
    input: ResolveSessionLimitInput,
    @Ctx() context: RequestContext,
  ): Promise<Admission> {
    return this.resolve(input, context.client)
  }
}
