import {
  Arg,
  Ctx,
  Field,
  FieldResolver,
  ID,
  Mutation,
  ObjectType,
  Query,
  Resolver,
  Root,
  Subscription,
} from 'type-graphql'
import type { Clock } from '../lib/clock.ts'
import { graphqlEnum } from '../lib/enum.graphql.ts'
import { type RequestContext, signedIn, signedInOrNull } from './caller.ts'
import { type Device, type DeviceKind, describeDevice } from './device.ts'
import { IPAddressScalar } from './ip-address.graphql.ts'
import { LocationObject } from './location.graphql.ts'
import type { Location } from './location.ts'
import type { Locate } from './location-service.ts'
import {
  type AssuranceLevel,
  type AuthenticationMethod,
  assuranceOf,
  isElevated,
  type Session,
  type SessionEndReason,
  type SessionTransport,
} from './session.ts'
import type { SessionService } from './session-service.ts'

const AssuranceLevelEnum = graphqlEnum<AssuranceLevel>(
  'AssuranceLevel',
  'How sure the session is of its user (NIST SP 800-63B-4 §2).',
  {
    AAL1: 'One factor was proved.',
    AAL2: 'Two different factors were proved.',
  },
)

const AuthenticationMethodEnum = graphqlEnum<AuthenticationMethod>(
  'AuthenticationMethod',
  'A way to prove who one is.',
  {
    PASSWORD: 'The password.',
    TOTP: 'A code from an authenticator app (RFC 6238).',
    SMS: 'A code from a text message.',
    BACKUP_CODE: 'A backup code.',
  },
)

export const SessionTransportEnum = graphqlEnum<SessionTransport>(
  'SessionTransport',
  "How a session's token travels, now and whenever it is replaced.",
  {
    COOKIE:
      'In an HttpOnly cookie, which no script can read: for pages of the same site. They fetch with `credentials: "include"`.',
    BEARER: 'In the answer, and from then on in the Authorization header: for apps and other programs.',
  },
)

const SessionEndReasonEnum = graphqlEnum<SessionEndReason>('SessionEndReason', 'Why a session is over.', {
  SIGNED_OUT: 'The user signed out with `logout`.',
  REVOKED_BY_USER: 'The user ended it with `revokeSession` or `revokeOtherSessions`.',
  REVOKED_BY_ADMIN: 'An administrator ended it, or gave the user another role.',
  EXPIRED: 'It reached its absolute end, `expiresAt`.',
  IDLE: 'It was not used until `idleExpiresAt`.',
  PASSWORD_CHANGED: 'The password was changed or reset.',
  MFA_CHANGED: 'A second factor was removed.',
  LIMIT_REACHED: 'A newer sign-in took its place, as the user had as many sessions as they may.',
  TOKEN_REUSED: 'A token that `refreshSession` had replaced was used again: somebody has a copy of it.',
  ACCOUNT_SUSPENDED: 'An administrator suspended the account.',
  ACCOUNT_ERASED: 'The account was erased, by its owner or an administrator.',
  RISK: 'It was used from another network, country and kind of device than it began with: somebody has a copy of its token.',
})

const DeviceKindEnum = graphqlEnum<DeviceKind>('DeviceKind', 'What kind of device a client says it is.', {
  DESKTOP: 'A desktop or laptop computer.',
  MOBILE: 'A phone.',
  TABLET: 'A tablet.',
  BOT: 'A crawler or other program that names itself so.',
  UNKNOWN: 'The client does not say.',
})

@ObjectType('Device', {
  description: "A device as its User-Agent header describes it: the client's own word, which proves nothing.",
  simpleResolvers: true,
})
export class DeviceObject implements Device {
  @Field(() => String, { description: 'For people, for example: Chrome on macOS.' })
  readonly label!: string

  @Field(() => DeviceKindEnum, { description: 'What kind of device it is.' })
  readonly kind!: DeviceKind

  @Field(() => String, { nullable: true, description: 'The name of the browser; null when unknown.' })
  readonly browser!: string | null

  @Field(() => String, { nullable: true, description: 'The name of the operating system; null when unknown.' })
  readonly operatingSystem!: string | null

  @Field(() => String, {
    description: 'The header as sent, at most 400 characters; empty when none was. Encode it wherever it is shown.',
  })
  readonly userAgent!: string
}

@ObjectType('Session', {
  description: 'One sign-in of one user on one device, from its proof to its end.',
  simpleResolvers: true,
})
export class SessionObject implements Omit<Session, 'userId' | 'userAgent' | 'transport'> {
  @Field(() => ID, { description: 'Names the session, to end it. It is not the token and opens nothing.' })
  readonly id!: string

  @Field(() => Date, { description: 'When the user signed in.' })
  readonly createdAt!: Date

  @Field(() => Date, { description: 'When it was last used, to the minute.' })
  readonly lastSeenAt!: Date

  @Field(() => Date, { description: 'When it ends unless it is used before.' })
  readonly idleExpiresAt!: Date

  @Field(() => Date, { description: 'However active, it ends then.' })
  readonly expiresAt!: Date

  @Field(() => [AuthenticationMethodEnum], { description: 'How it was proved, for example [PASSWORD, TOTP].' })
  readonly authenticationMethods!: readonly AuthenticationMethod[]

  readonly elevatedUntil!: Date | null

  @Field(() => Boolean, { description: 'Whether the second factor was waived for a trusted device.' })
  readonly trustedDevice!: boolean

  @Field(() => IPAddressScalar, { description: 'The address that the user signed in from.' })
  readonly ipAddress!: string

  @Field(() => Date, { nullable: true, description: 'When it ended; null while it is live.' })
  readonly endedAt!: Date | null

  @Field(() => SessionEndReasonEnum, { nullable: true, description: 'Why it ended; null while it is live.' })
  readonly endReason!: SessionEndReason | null
}

/** What a socket tells of the session that it belongs to. */
export interface SessionEndings {
  /** The session once it has ended, and nothing else. */
  readonly sessionEnding: () => AsyncIterable<Session>
}

@Resolver(() => SessionObject)
export class SessionResolver {
  private readonly sessions: SessionService
  private readonly locate: Locate
  private readonly now: Clock

  constructor(sessions: SessionService, locate: Locate, now: Clock) {
    this.sessions = sessions
    this.locate = locate
    this.now = now
  }

  @Query(() => [SessionObject], {
    description: "The caller's live sessions, the most recently active first, at most 100.",
  })
  listSessions(@Ctx() context: RequestContext): Promise<Session[]> {
    return this.sessions.listLive(signedIn(context).account.id)
  }

  @Mutation(() => SessionObject, {
    description:
      "Ends the caller's session and returns it as it ended. Its token is dead from the answer on, on every server.",
  })
  logout(@Ctx() context: RequestContext): Promise<Session> {
    return this.sessions.signOut(signedIn(context), context.client)
  }

  @Mutation(() => SessionObject, {
    description:
      "Ends one of the caller's sessions; an ADMIN may end anyone's. From the answer on its token is refused with SESSION_ENDED on every server. Ending it again changes nothing. NOT_FOUND for a session of someone else, as for one that does not exist.",
  })
  revokeSession(
    @Arg('id', () => ID, { description: 'The id of the session, from `listSessions`.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Session> {
    return this.sessions.revoke(signedIn(context), id, context.client)
  }

  @Mutation(() => [SessionObject], {
    description:
      "Ends every session of the caller's but the one that asks, with them the trust of every device, every challenge that is open and every link that was mailed to change the address or the password, and returns them as they ended.",
  })
  revokeOtherSessions(@Ctx() context: RequestContext): Promise<Session[]> {
    return this.sessions.revokeOthers(signedIn(context), context.client)
  }

  @Subscription(() => SessionObject, {
    description:
      "The caller's session as it ended, wherever and however that was. Then the socket is closed with code 4401.",
    subscribe: ({ context }: { context: SessionEndings }) => context.sessionEnding(),
  })
  sessionEnded(@Root() session: Session): Session {
    return session
  }

  @FieldResolver(() => Boolean, {
    description: 'Whether this is the session that asks, or that was just made for who asks.',
  })
  current(@Root() session: Session & { readonly isNew?: true }, @Ctx() context: RequestContext): boolean {
    return session.isNew ?? signedInOrNull(context)?.session.id === session.id
  }

  @FieldResolver(() => AssuranceLevelEnum, { description: 'How many factors were proved in it.' })
  assurance(@Root() session: Session): AssuranceLevel {
    return assuranceOf(session.authenticationMethods)
  }

  @FieldResolver(() => Date, {
    nullable: true,
    description: 'Until when a fresh proof spares the user another one; null when none does.',
  })
  elevatedUntil(@Root() session: Session): Date | null {
    return isElevated(session, this.now()) ? session.elevatedUntil : null
  }

  @FieldResolver(() => DeviceObject, { description: 'The device that signed in.' })
  device(@Root() session: Session): Device {
    return describeDevice(session.userAgent)
  }

  @FieldResolver(() => LocationObject, {
    nullable: true,
    description: 'Where `ipAddress` is; null for a private address, and when unknown.',
  })
  location(@Root() session: Session): Promise<Location | null> {
    return this.locate(session.ipAddress)
  }
}
