import { GraphQLJSONObject } from 'graphql-scalars'
import { Arg, Ctx, Field, ID, InputType, Mutation, ObjectType, Query, Resolver } from 'type-graphql'
import { type RequestContext, signedIn } from '../sessions/caller.ts'
import { type Consent, type Decision, mostPurposes } from './consent.ts'
import type { ConsentService } from './consent-service.ts'
import { type DataExport, type ExportData, mostEvents, mostRows } from './data-export-service.ts'
import type { AccountErased } from './erasure.ts'
import type { ErasureService } from './erasure-service.ts'

@ObjectType('Consent', { description: 'What a user decided about one purpose.', simpleResolvers: true })
class ConsentObject implements Consent {
  @Field(() => String, { description: 'What for, as the front end named it: newsletter.' })
  readonly purpose!: string

  @Field(() => String, { description: 'Which version of the text was shown.' })
  readonly version!: string

  @Field(() => Boolean, { description: 'Whether the user agrees; false where they refused, or agree no more.' })
  readonly granted!: boolean

  @Field(() => Date, { description: 'When it was decided.' })
  readonly recordedAt!: Date
}

@InputType('RecordConsentInput', { description: 'A decision of the caller.' })
class RecordConsentInput implements Decision {
  @Field(() => String, { description: '1 to 64 of a-z, 0-9, `.`, `_`, `:` and `-`, beginning with a letter or digit.' })
  readonly purpose!: string

  @Field(() => String, {
    description:
      'Of the text that the user was shown: 1 to 32 of A-Z, a-z, 0-9, `.`, `_`, `:` and `-`, beginning with a letter or digit.',
  })
  readonly version!: string

  @Field(() => Boolean, { description: 'Whether the user agrees.' })
  readonly granted!: boolean
}

@ObjectType('DataExport', { description: 'Everything held about the caller, secrets aside.', simpleResolvers: true })
class DataExportObject implements DataExport {
  @Field(() => Date, { description: 'As of when.' })
  readonly createdAt!: Date

  @Field(() => GraphQLJSONObject, {
    description: `A section a kind of data: \`account\`, \`factors\` (whole phone numbers included), \`sessions\`, \`consents\` and so on, each list newest first; times in RFC 3339. \`securityEvents.newest\` has the newest ${mostEvents.toLocaleString('en')} events; where there are more, give \`securityEvents.olderAfter\` to the query \`securityEvents\` as \`after\`. \`incomplete\` names the other sections that hold more than is here (${mostRows.toLocaleString('en')} rows; ${mostEvents.toLocaleString('en')} of \`actsOnOthers\`).`,
  })
  readonly data!: Readonly<Record<string, unknown>>
}

@ObjectType('AccountErased', { description: 'An account that is no more.', simpleResolvers: true })
class AccountErasedObject implements AccountErased {
  @Field(() => ID, { description: 'The id that the user had. It is given to nobody else.' })
  readonly id!: string

  @Field(() => Date, { description: 'When it was erased.' })
  readonly erasedAt!: Date
}

@Resolver()
export class PrivacyResolver {
  private readonly consentService: ConsentService
  private readonly exportData: ExportData
  private readonly erasures: ErasureService

  constructor(consents: ConsentService, exportData: ExportData, erasures: ErasureService) {
    this.consentService = consents
    this.exportData = exportData
    this.erasures = erasures
  }

  @Query(() => [ConsentObject], { description: "The caller's newest decision on each purpose, by purpose." })
  consents(@Ctx() context: RequestContext): Promise<Consent[]> {
    return this.consentService.list(signedIn(context))
  }

  @Mutation(() => ConsentObject, {
    description: `Records that the caller agrees to something, or does not. Earlier decisions are kept. The same decision again changes nothing and answers with the first. BAD_USER_INPUT also for one purpose beyond ${mostPurposes}, RATE_LIMITED beyond 100 decisions in a quarter of an hour.`,
  })
  recordConsent(
    @Arg('input', () => RecordConsentInput, { description: 'The decision.' }) input: RecordConsentInput,
    @Ctx() context: RequestContext,
  ): Promise<Consent> {
    return this.consentService.record(signedIn(context), input, context.client)
  }

  @Mutation(() => DataExportObject, {
    description:
      'Hands the caller all that is held about them. With a step-up. RATE_LIMITED beyond five exports an hour.',
  })
  exportMyData(@Ctx() context: RequestContext): Promise<DataExport> {
    return this.exportData(signedIn(context), context.client)
  }

  @Mutation(() => AccountErasedObject, {
    description:
      "Erases the caller's account, which can not be undone: every session ends, nothing that names the user is kept, and what happened is left in the security log without address, device and details. The address is free for a new account at once. A last mail tells the owner. With a step-up. CONFLICT for the last administrator.",
  })
  deleteMyAccount(@Ctx() context: RequestContext): Promise<AccountErased> {
    return this.erasures.deleteOwn(signedIn(context), context.client)
  }

  @Mutation(() => AccountErasedObject, {
    description:
      'Erases the account of a user, of any status, as `deleteMyAccount` does. For ADMIN, with a step-up. NOT_FOUND when there is no such user; CONFLICT when it is the caller, the last administrator, or was erased before.',
  })
  eraseUser(
    @Arg('id', () => ID, { description: 'The id of the user.' }) id: string,
    @Arg('reason', () => String, {
      description:
        'Why, in 1 to 500 characters, on one line. It stays in the audit log, for ADMIN and AUDITOR, so it must not name the user.',
    })
    reason: string,
    @Ctx() context: RequestContext,
  ): Promise<AccountErased> {
    return this.erasures.eraseUser(signedIn(context), id, reason, context.client)
  }
}
