import { Arg, Field, Float, Int, ObjectType, Query, Resolver } from 'type-graphql'
import { SecurityEventTypeEnum } from '../audit/security-event.graphql.ts'
import type { SecurityEventType } from '../audit/security-event.ts'
import type { EventCount, SecurityOverview, TimelinePoint } from './overview.ts'
import type { ReadOverview } from './overview-service.ts'

@ObjectType('EventCount', {
  description: 'How many events of a type there are. Types without events are left out.',
  simpleResolvers: true,
})
class EventCountObject implements EventCount {
  @Field(() => SecurityEventTypeEnum, { description: 'What happened.' })
  readonly type!: SecurityEventType

  @Field(() => Int, {
    description:
      'The number of events, as `auditEvents` lists them: one event that stands for repeated refusals counts once.',
  })
  readonly count!: number
}

@ObjectType('TimelinePoint', {
  description:
    'What happened in an hour or a day of UTC. Of the first and the last only what lies in the period is counted.',
  simpleResolvers: true,
})
class TimelinePointObject implements TimelinePoint {
  @Field(() => Date, { description: 'When the hour or day began; the first may have begun before `from`.' })
  readonly at!: Date

  @Field(() => Int, {
    description: 'Completed sign-ins: LOGIN_SUCCEEDED. One with a second factor counts once, when that was proved.',
  })
  readonly logins!: number

  @Field(() => Int, { description: 'Sign-ins that failed at the password or were not let in: LOGIN_FAILED.' })
  readonly failedLogins!: number

  @Field(() => Int, { description: 'Codes that were wrong or used before: MFA_FAILED.' })
  readonly mfaFailures!: number

  @Field(() => Int, {
    description:
      'Unusual sign-ins and sessions: NEW_DEVICE, NEW_LOCATION, IMPOSSIBLE_TRAVEL, CREDENTIAL_STUFFING and SESSION_CONTEXT_CHANGED. A sign-in with two of them counts twice.',
  })
  readonly anomalies!: number
}

@ObjectType('SecurityOverview', {
  description:
    'How things stand now, and what happened in a period. Events of whole hours of UTC are counted by the database beside the log, exactly, but not sealed as the log is: `auditEvents` is the evidence.',
  simpleResolvers: true,
})
class SecurityOverviewObject implements SecurityOverview {
  @Field(() => Date, { description: 'The beginning of the period; what happened just then is counted.' })
  readonly from!: Date

  @Field(() => Date, { description: 'The end of the period; what happened just then is not counted.' })
  readonly to!: Date

  @Field(() => Int, { description: 'Accounts that are ACTIVE or SUSPENDED, now.' })
  readonly users!: number

  @Field(() => Int, { description: 'Those of `users` who have a second factor.' })
  readonly usersWithMfa!: number

  @Field(() => Float, {
    description: 'The share of users with a second factor, usersWithMfa / users: from 0 to 1, and 0 with no users.',
  })
  readonly mfaAdoptionRate!: number

  @Field(() => Float, {
    description:
      'The share of codes that were right, MFA_SUCCEEDED / (MFA_SUCCEEDED + MFA_FAILED) in the period, from 0 to 1; at sign-ins, step-ups and resets. 0 where none was tried.',
  })
  readonly mfaVerificationSuccessRate!: number

  @Field(() => Float, {
    description:
      'The share of sign-ins that succeeded, LOGIN_SUCCEEDED / (LOGIN_SUCCEEDED + LOGIN_FAILED) in the period, from 0 to 1; 0 where none was tried. A sign-in that was left at its second factor is in neither.',
  })
  readonly loginSuccessRate!: number

  @Field(() => Int, { description: 'Sessions that are live now: neither ended nor past their idle or absolute end.' })
  readonly activeSessions!: number

  @Field(() => Int, {
    description: 'Those of `users` for whom too many wrong passwords or codes have closed a way to sign in, now.',
  })
  readonly lockedAccounts!: number

  @Field(() => [EventCountObject], { description: 'Events of the period by type, the most frequent first.' })
  readonly eventsByType!: readonly EventCount[]

  @Field(() => [TimelinePointObject], {
    description:
      'One point an hour of UTC up to two days, else one a day of UTC, oldest first: all that the period touches, also where nothing happened.',
  })
  readonly timeline!: readonly TimelinePoint[]
}

@Resolver()
export class OverviewResolver {
  private readonly readOverview: ReadOverview

  constructor(readOverview: ReadOverview) {
    this.readOverview = readOverview
  }

  @Query(() => SecurityOverviewObject, {
    description:
      'Users, sessions and locks as they are now, and what happened in a period of at most 366 days. Includes what was recorded a moment ago. Of months that were archived whole hours are known: an hour in which the period begins or ends is left out there. For ADMIN and AUDITOR. BAD_USER_INPUT names `from` or `to` where the period is empty or too long; RATE_LIMITED while many overviews are being read.',
  })
  securityOverview(
    @Arg('from', () => Date, { nullable: true, description: 'The beginning; null for 24 hours before the end.' })
    from: Date | null,
    @Arg('to', () => Date, { nullable: true, description: 'The end; null for the end of the running hour.' })
    to: Date | null,
  ): Promise<SecurityOverview> {
    return this.readOverview({ from, to })
  }
}
