import { Arg, Ctx, Field, ID, Int, ObjectType, Query, Resolver } from 'type-graphql'
import { type RequestContext, signedIn } from '../sessions/caller.ts'
import type { AuditVerification, CheckAuditLog } from './audit-check-service.ts'

@ObjectType('AuditVerification', {
  description: 'The result of recomputing the chain of the security log from its rows.',
  simpleResolvers: true,
})
class AuditVerificationObject implements AuditVerification {
  @Field(() => Boolean, { description: 'Whether everything that was checked is as it was sealed.' })
  readonly intact!: boolean

  @Field(() => Int, { description: 'How many events were checked, up to the first that does not fit.' })
  readonly checkedEvents!: number

  @Field(() => Date, {
    nullable: true,
    description: 'When the newest event was sealed; null before anything was. Later events wait for it, for moments.',
  })
  readonly sealedThrough!: Date | null

  @Field(() => String, {
    nullable: true,
    description:
      'Hex SHA-256 of the newest sealed link: note it down to compare later. Null before anything was sealed.',
  })
  readonly headHash!: string | null

  @Field(() => ID, {
    nullable: true,
    description: 'The first event that does not fit; null when the log is intact, and where no event is to be named.',
  })
  readonly brokenAt!: string | null

  @Field(() => String, { nullable: true, description: 'What is wrong, for a person to read; null when it is intact.' })
  readonly problem!: string | null
}

@Resolver()
export class AuditVerificationResolver {
  private readonly check: CheckAuditLog

  constructor(check: CheckAuditLog) {
    this.check = check
  }

  @Query(() => AuditVerificationObject, {
    description:
      'Checks every event, its personal data and its place in the log against signed hashes, which takes a minute for a million events. With `from` or `to` at least what was sealed between them. One at a time a server: RATE_LIMITED while another with other arguments is under way. For ADMIN and AUDITOR.',
  })
  verifyAuditLog(
    @Arg('from', () => Date, { nullable: true, description: 'Nothing sealed long before this; null for all.' })
    from: Date | null,
    @Arg('to', () => Date, { nullable: true, description: 'Nothing sealed long after this; null for all.' })
    to: Date | null,
    @Ctx() context: RequestContext,
  ): Promise<AuditVerification> {
    return this.check(signedIn(context), { from, to }, context.client)
  }
}
