import type DataLoader from 'dataloader'
import { GraphQLJSONObject } from 'graphql-scalars'
import { Ctx, Field, FieldResolver, ID, InputType, ObjectType, Resolver, Root } from 'type-graphql'
import type { Account } from '../accounts/account.ts'
import { UserObject } from '../accounts/user.graphql.ts'
import { graphqlEnum } from '../lib/enum.graphql.ts'
import { PageInfoObject } from '../lib/page.graphql.ts'
import type { Connection, Edge } from '../page.ts'
import { type RequestContext, signedIn } from '../sessions/caller.ts'
import { type Device, describeDevice } from '../sessions/device.ts'
import { IPAddressScalar } from '../sessions/ip-address.graphql.ts'
import { LocationObject } from '../sessions/location.graphql.ts'
import type { Location } from '../sessions/location.ts'
import type { Locate } from '../sessions/location-service.ts'
import { DeviceObject } from '../sessions/session.graphql.ts'
import type { EventQuery } from './event-filter.ts'
import {
  type EventDetails,
  type Outcome,
  type SecurityEvent,
  type SecurityEventType,
  type Severity,
  withoutActor,
} from './security-event.ts'

const SeverityEnum = graphqlEnum<Severity>('Severity', 'How soon someone should look at an event.', {
  INFO: 'What happens every day.',
  WARNING:
    'Worth a look when it repeats: refusals, failed attempts, and acts of administrators that give an account more rights or less protection.',
  CRITICAL: 'Look now.',
})

const OutcomeEnum = graphqlEnum<Outcome>('Outcome', 'How what was tried came out.', {
  SUCCESS: 'It was done.',
  FAILURE: 'It failed, for example by a wrong code.',
  DENIED: 'It was not allowed.',
})

const folding =
  'Equal ones within a minute of the first are one more event, with their number in `details.repeats`, and `details.from` and `details.until`; with `details.various` they came in too many kinds to tell apart.'

export const SecurityEventTypeEnum = graphqlEnum<SecurityEventType>('SecurityEventType', 'What happened.', {
  ACCOUNT_REGISTERED: 'Someone registered an address. FAILURE when it has an account already.',
  EMAIL_CONFIRMED: 'An address was confirmed, and the account opened.',
  EMAIL_CHANGED:
    'A new address was asked for or confirmed: `details.step` says `requested` or `confirmed`. DENIED when it was taken.',
  ACCOUNT_SUSPENDED: 'An administrator suspended an account; `details.reason` holds their words.',
  ACCOUNT_REINSTATED: 'An administrator lifted the suspension of an account.',
  ACCOUNT_LOCKED:
    'Too many failures in a row of time: `details.scope` says `password`, `mfa` or `factor`. A factor stays disabled; the rest opens again by itself.',
  ACCOUNT_UNLOCKED: 'The locks of an account were opened, by an administrator or by a password reset.',
  ROLE_CHANGED: 'An administrator gave a user another role: `details.from` and `details.to`.',
  ACCOUNT_ERASED:
    'An account was erased, by its owner, or by an administrator, whose words `details.reason` holds. What happened to it before keeps neither address nor device, and no details.',
  LOGIN_SUCCEEDED: 'A sign-in was completed; `details.methods` says how.',
  LOGIN_FAILED:
    'A sign-in failed at the password. DENIED when that was right, and the account is suspended, has no room for another session, or the sign-in was too unusual. `details.reason` says which.',
  LOGGED_OUT: 'A user signed out.',
  PASSWORD_CHANGED: 'A user chose a new password. FAILURE when the current one was wrong.',
  PASSWORD_RESET_REQUESTED: 'A password reset was asked for. DENIED when no mail went out for it.',
  PASSWORD_RESET_COMPLETED: 'A password was reset. FAILURE when the token was wrong, used or expired.',
  MFA_ENROLMENT_STARTED: 'The enrolment of a second factor began.',
  MFA_ENROLLED: 'A second factor was put in force.',
  MFA_REMOVED: 'A second factor was removed.',
  MFA_RESET:
    'An administrator removed every second factor of an account; `details.reason` holds their words, `details.factors` says how many there were.',
  MFA_CHALLENGED:
    'A second factor was asked for; `details.purpose` says for what, and `details.findings` what was unusual about the sign-in, if anything.',
  MFA_SUCCEEDED: 'A second factor was proved.',
  MFA_FAILED: 'A code was wrong, or was used before; `details.reason` says which.',
  MFA_CODE_SENT: 'A code was sent as a text message. FAILURE when it could not be.',
  BACKUP_CODES_GENERATED: 'A new set of backup codes was made.',
  BACKUP_CODE_USED: 'A backup code was used up; `details.remaining` says how many are left.',
  STEP_UP_SUCCEEDED: 'A session got a fresh proof.',
  SESSION_CREATED: 'A session was made.',
  SESSION_REFRESHED: 'A session got a new token. DENIED when the account stands in the way; `details.code` says how.',
  SESSION_REVOKED:
    'A session was ended before its time; `details.reason` says why, and `details.note` holds the words of an administrator who ended all of them. Without a session, and with `details.sessions` 0, where that administrator found none to end.',
  SESSION_EXPIRED: 'A session ran out of time; `details.reason` says IDLE or EXPIRED.',
  SESSION_TOKEN_REUSED: 'A token that was replaced was used again, and its session ended.',
  DEVICE_TRUSTED: 'A device may sign in without the second factor from now on.',
  DEVICE_TRUST_REVOKED: 'Devices lost that trust; `details.reason` says why.',
  RATE_LIMITED: `Something was refused for being tried too often; \`details.limit\` says which limit. ${folding}`,
  NEW_DEVICE: 'A sign-in from a kind of device that the user had not used before.',
  NEW_LOCATION:
    'A sign-in from a country that the user had not signed in from before; `details.country` names it, `details.knownCountries` the others.',
  IMPOSSIBLE_TRAVEL:
    'A sign-in from farther away than anybody travels since the last one: `details` has both countries, and `km`, `hours` and `kmPerHour`.',
  CREDENTIAL_STUFFING:
    'Many accounts were tried from one network; once a network and quarter of an hour. `details.network` names it.',
  SESSION_CONTEXT_CHANGED:
    'A session was used from another network and on another kind of device than it began with; once for each. DENIED when it was ended for that, as the country had changed too.',
  CONSENT_RECORDED: 'A user agreed to something; `details` has `purpose` and `version`.',
  CONSENT_WITHDRAWN: 'A user refused something, or agrees to it no more; `details` has `purpose` and `version`.',
  DATA_EXPORTED: 'A user got all that is held about them.',
  POLICY_CHANGED: 'An administrator changed who must have a second factor.',
  AUDIT_VERIFIED:
    'Someone had the security log verified. FAILURE when it is not intact; `details.problem` says what is wrong.',
  ACCESS_TOKEN_ISSUED: 'A session got a token for another service; `details.audience` names that.',
  DATABASE_RESTORED:
    'An operator put the database back to an earlier state, and ended what may have been ended since. `details.head` says up to where the log was sealed then, as `sequence:hash`; what followed it is lost, up to `details.lostHead` where that is given. Without a user.',
  ACCESS_DENIED: `An operation was refused; \`details.field\` names it, \`details.code\` says why. ${folding}`,
})

/** Reads many accounts in one go. */
export interface AccountLoaders {
  readonly accounts: DataLoader<string, Account | null>
}

@ObjectType('SecurityEvent', {
  description: 'One thing that happened to an account or a session. Never changed afterwards.',
  simpleResolvers: true,
})
export class SecurityEventObject implements Omit<SecurityEvent, 'userId' | 'actorId' | 'userAgent' | 'ipAddress'> {
  @Field(() => ID, { description: 'Names the event.' })
  readonly id!: string

  @Field(() => SecurityEventTypeEnum, { description: 'What happened.' })
  readonly type!: SecurityEventType

  @Field(() => SeverityEnum, { description: 'How soon someone should look.' })
  readonly severity!: Severity

  @Field(() => OutcomeEnum, { description: 'How it came out.' })
  readonly outcome!: Outcome

  @Field(() => Date, { description: 'When it happened.' })
  readonly occurredAt!: Date

  readonly sessionId!: string | null

  readonly details!: EventDetails
}

/** Who acted on someone's account, and from where, is for those who read the whole log, and for the actor. */
const seenBy = (context: RequestContext, event: SecurityEvent): SecurityEvent => {
  const { account } = signedIn(context)
  const seesActor = event.actorId === null || event.actorId === account.id || account.role !== 'USER'
  return seesActor ? event : withoutActor(event)
}

@Resolver(() => SecurityEventObject)
export class SecurityEventResolver {
  private readonly locate: Locate

  constructor(locate: Locate) {
    this.locate = locate
  }

  @FieldResolver(() => UserObject, {
    nullable: true,
    description: 'Whom it is about; null where the account is unknown, as in a login with an unknown email.',
  })
  user(@Root() { userId }: SecurityEvent, @Ctx() { accounts }: AccountLoaders): Promise<Account | null> | null {
    return userId ? accounts.load(userId) : null
  }

  @FieldResolver(() => ID, {
    nullable: true,
    description:
      "The session that it happened in or to; null when there was none, and when the actor's is not yours to see.",
  })
  sessionId(@Root() event: SecurityEvent, @Ctx() context: RequestContext): string | null {
    return seenBy(context, event).sessionId
  }

  @FieldResolver(() => UserObject, {
    nullable: true,
    description: 'Who did it, when not the user themselves. Shown to ADMIN and AUDITOR, and to whoever it was.',
  })
  actor(@Root() event: SecurityEvent, @Ctx() context: RequestContext & AccountLoaders): Promise<Account | null> | null {
    const { actorId } = seenBy(context, event)
    return actorId ? context.accounts.load(actorId) : null
  }

  @FieldResolver(() => IPAddressScalar, {
    nullable: true,
    description:
      "Where the request came from; null when no request caused it, when the actor's is not yours to see, and once its user, or who did it, was erased.",
  })
  ipAddress(@Root() event: SecurityEvent, @Ctx() context: RequestContext): string | null {
    return seenBy(context, event).ipAddress
  }

  @FieldResolver(() => LocationObject, {
    nullable: true,
    description: 'Where `ipAddress` is; null where that is null or private, and when unknown.',
  })
  location(@Root() event: SecurityEvent, @Ctx() context: RequestContext): Promise<Location | null> | null {
    const address = this.ipAddress(event, context)
    return address === null ? null : this.locate(address)
  }

  @FieldResolver(() => DeviceObject, {
    nullable: true,
    description:
      "The device that it came from; null when no request caused it, when the actor's is not yours to see, and once its user, or who did it, was erased.",
  })
  device(@Root() event: SecurityEvent, @Ctx() context: RequestContext): Device | null {
    const { userAgent } = seenBy(context, event)
    return userAgent === null ? null : describeDevice(userAgent)
  }

  @FieldResolver(() => GraphQLJSONObject, {
    description:
      'More facts, by type of event. Never a secret, code, token or password. What an administrator wrote is shown to ADMIN and AUDITOR, and to whoever wrote it. Empty once its user, or who did it, was erased; but why an administrator erased an account stays.',
  })
  details(@Root() event: SecurityEvent, @Ctx() context: RequestContext): EventDetails {
    return seenBy(context, event).details
  }
}

@ObjectType('SecurityEventEdge', { description: 'An event at its place in a list.', simpleResolvers: true })
class SecurityEventEdgeObject implements Edge<SecurityEvent> {
  @Field(() => String, { description: 'The place: give it as `after` to go on behind this event.' })
  readonly cursor!: string

  @Field(() => SecurityEventObject, { description: 'The event.' })
  readonly node!: SecurityEvent
}

@ObjectType('SecurityEventConnection', { description: 'A page of events, newest first.', simpleResolvers: true })
export class SecurityEventConnectionObject implements Connection<SecurityEvent> {
  @Field(() => [SecurityEventEdgeObject], { description: 'The events of this page.' })
  readonly edges!: readonly Edge<SecurityEvent>[]

  @Field(() => PageInfoObject, { description: 'Whether and how to go on.' })
  readonly pageInfo!: Connection<SecurityEvent>['pageInfo']
}

@InputType('SecurityEventFilter', {
  description: 'Which events to list: those that fit everything given. An empty list fits none.',
})
export class SecurityEventFilterInput implements EventQuery {
  @Field(() => [SecurityEventTypeEnum], { nullable: true, description: 'One of these types.' })
  readonly types?: SecurityEventType[] | null

  @Field(() => [SeverityEnum], { nullable: true, description: 'One of these severities.' })
  readonly severities?: Severity[] | null

  @Field(() => [OutcomeEnum], { nullable: true, description: 'One of these outcomes.' })
  readonly outcomes?: Outcome[] | null

  @Field(() => ID, { nullable: true, description: 'About this user.' })
  readonly userId?: string | null

  @Field(() => ID, { nullable: true, description: 'In or to this session.' })
  readonly sessionId?: string | null

  @Field(() => IPAddressScalar, { nullable: true, description: 'From this address.' })
  readonly ipAddress?: string | null

  @Field(() => Date, { nullable: true, description: 'At this instant or later.' })
  readonly from?: Date | null

  @Field(() => Date, { nullable: true, description: 'Before this instant.' })
  readonly to?: Date | null
}
