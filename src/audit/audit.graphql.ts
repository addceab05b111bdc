import { Arg, Ctx, Int, Query, Resolver } from 'type-graphql'
import { type RequestContext, signedIn } from '../sessions/caller.ts'
import type { ReadEvents } from './audit-service.ts'
import type { EventConnection } from './event-page.ts'
import { SecurityEventConnectionObject, SecurityEventFilterInput } from './security-event.graphql.ts'

const defaultPageSize = 20
const first = {
  defaultValue: defaultPageSize,
  nullable: true,
  description: 'How many to list, from 1 to 100.',
} as const
const after = { nullable: true, description: 'The cursor to go on behind; null for the newest.' } as const
const filter = { nullable: true, description: 'Which events; null for all.' } as const

@Resolver()
export class AuditResolver {
  private readonly readEvents: ReadEvents

  constructor(readEvents: ReadEvents) {
    this.readEvents = readEvents
  }

  @Query(() => SecurityEventConnectionObject, { description: "The caller's own history, newest first." })
  securityEvents(
    @Arg('first', () => Int, first) size: number | null,
    @Arg('after', () => String, after) cursor: string | null,
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
    @Arg('first', () => Int, first) size: number | null,
    @Arg('after', () => String, after) cursor: string | null,
    @Arg('filter', () => SecurityEventFilterInput, filter) chosen: SecurityEventFilterInput | null,
  ): Promise<EventConnection> {
    return this.readEvents({ first: size ?? defaultPageSize, after: cursor, filter: chosen })
  }
}
