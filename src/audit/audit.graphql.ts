import { Arg, Ctx, Int, Query, Resolver } from 'type-graphql'
import { afterArgument, defaultPageSize, firstArgument } from '../lib/page.graphql.ts'
import { type RequestContext, signedIn } from '../sessions/caller.ts'
import type { EventConnection, ReadEvents } from './audit-service.ts'
import { SecurityEventConnectionObject, SecurityEventFilterInput } from './security-event.graphql.ts'

const filter = { nullable: true, description: 'Which events; null for all.' } as const

@Resolver()
export class AuditResolver {
  private readonly readEvents: ReadEvents

  constructor(readEvents: ReadEvents) {
    this.readEvents = readEvents
  }

  @Query(() => SecurityEventConnectionObject, { description: "The caller's own history, newest first." })
  securityEvents(
    @Arg('first', () => Int, firstArgument) size: number | null,
    @Arg('after', () => String, afterArgument) cursor: string | null,
    @Arg('filter', () => SecurityEventFilterInput, filter) chosen: SecurityEventFilterInput | null,
    @Ctx() context: RequestContext,
  ): Promise<EventConnection> {
    const { account } = signedIn(context)
    return this.readEvents({ first: size ?? defaultPageSize, after: cursor, filter: chosen }, account.id)
  }

  @Query(() => SecurityEventConnectionObject, {
    description: "Everybody's history, newest first. For ADMIN and AUDITOR.",
  })
  auditEvents(
    @Arg('first', () => Int, firstArgument) size: number | null,
    @Arg('after', () => String, afterArgument) cursor: string | null,
    @Arg('filter', () => SecurityEventFilterInput, filter) chosen: SecurityEventFilterInput | null,
  ): Promise<EventConnection> {
    return this.readEvents({ first: size ?? defaultPageSize, after: cursor, filter: chosen })
  }
}
