import { Arg, ID, Resolver, Root, Subscription } from 'type-graphql'
import { type RequestContext, signedIn } from '../sessions/caller.ts'
import type { EventQuery } from './event-filter.ts'
import type { FollowRequest, LiveEvent } from './live-events-service.ts'
import { SecurityEventFilterInput, SecurityEventObject } from './security-event.graphql.ts'
import type { SecurityEvent } from './security-event.ts'

/** What a socket may follow, until its subscription ends. */
export interface EventFollower {
  readonly followEvents: (request: Omit<FollowRequest, 'signal'>) => AsyncIterable<LiveEvent>
}

interface Opening {
  readonly args: { readonly after?: string | null; readonly filter?: EventQuery | null }
  readonly context: RequestContext & EventFollower
}

const after = {
  nullable: true,
  description:
    'The id of the last event that you have: goes on behind it, with nothing lost and nothing twice. Null for what comes from now on.',
} as const
const filter = { nullable: true, description: 'Which events; null for all.' } as const

@Resolver()
export class LiveEventsResolver {
  @Subscription(() => SecurityEventObject, {
    name: 'securityEvents',
    description:
      "The caller's own events, as they are committed, in the order of the log. BAD_USER_INPUT where `after` is none of them.",
    subscribe: ({ args, context }: Opening) =>
      context.followEvents({ after: args.after ?? null, onlyUserId: signedIn(context).account.id }),
  })
  ownEvent(@Root() { event }: LiveEvent, @Arg('after', () => ID, after) _after: string | null): SecurityEvent {
    return event
  }

  @Subscription(() => SecurityEventObject, {
    name: 'auditEvents',
    description:
      "Everybody's events, as they are committed, in the order of the log. For ADMIN and AUDITOR. BAD_USER_INPUT where `after` is no event.",
    subscribe: ({ args, context }: Opening) =>
      context.followEvents({ after: args.after ?? null, filter: args.filter ?? null }),
  })
  anyEvent(
    @Root() { event }: LiveEvent,
    @Arg('after', () => ID, after) _after: string | null,
    @Arg('filter', () => SecurityEventFilterInput, filter) _filter: SecurityEventFilterInput | null,
  ): SecurityEvent {
    return event
  }
}
