import { AuditEventsDocument, type AuditEventsQuery, type SecurityEventFilter } from './documents.generated.ts'
import type { Gatehouse } from './gatehouse.ts'

export type RecordedEvent = AuditEventsQuery['auditEvents']['edges'][number]['node']

/** The audit log as an auditor reads it, oldest first, whole. */
export const eventsWhere = async (gatehouse: Gatehouse, filter: SecurityEventFilter): Promise<RecordedEvent[]> => {
  const auditor = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'AUDITOR' }))
  const events: RecordedEvent[] = []
  for (let after: string | null = null; ; ) {
    const { auditEvents }: AuditEventsQuery = await auditor.ask(AuditEventsDocument, { first: 100, after, filter })
    events.push(...auditEvents.edges.map(({ node }) => node))
    if (!auditEvents.pageInfo.hasNextPage) return events.reverse()
    after = auditEvents.pageInfo.endCursor
  }
}

/** All that happened to one user, oldest first. */
export const historyOf = (gatehouse: Gatehouse, { id }: { readonly id: string }): Promise<RecordedEvent[]> =>
  eventsWhere(gatehouse, { userId: id })

/** How often each type of event was recorded. */
export const countTypes = (events: readonly RecordedEvent[]): Partial<Record<RecordedEvent['type'], number>> =>
  Object.fromEntries([...Map.groupBy(events, ({ type }) => type)].map(([type, group]) => [type, group.length]))
