import { Arg, Ctx, ID, Mutation, Resolver } from 'type-graphql'
import type { Account } from '../accounts/account.ts'
import { UserObject } from '../accounts/user.graphql.ts'
import { type RequestContext, signedIn } from '../sessions/caller.ts'
import type { UnlockUser } from './unlock-service.ts'

@Resolver()
export class AdminResolver {
  private readonly unlock: UnlockUser

  constructor(unlock: UnlockUser) {
    this.unlock = unlock
  }

  @Mutation(() => UserObject, {
    description:
      "Opens the locks that failed passwords and codes have put on a user's sign-in. For ADMIN, with a step-up. NOT_FOUND when there is no such user.",
  })
  unlockUser(
    @Arg('id', () => ID, { description: 'The id of the user.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Account> {
    return this.unlock(signedIn(context), id, context.client)
  }
}
