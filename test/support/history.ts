import { AuditEventsDocument, type AuditEventsQuery, type SecurityEventFilter } from './documents.generated.ts'
import { eventually, type Gatehouse } from './gatehouse.ts'

export type RecordedEvent = AuditEventsQuery['auditEvents']['edges'][number]['node']

/** Lets a minute pass for the refusals that are being counted, and waits until the repeats are recorded. */
export const settleRefusals = async ({ sql }: Pick<Gatehouse, 'sql'>): Promise<void> => {
  await sql`UPDATE repeated_refusals SET window_ends_at = 'epoch' WHERE repeats > 0`
  await eventually(async () => (await sql`SELECT 1 FROM repeated_refusals WHERE window_ends_at = 'epoch'`).length === 0)
}

/** How often it happened: refusals that repeat are one event with their number. */
const timesOf = (event: Pick<RecordedEvent, 'details'>): number => Number(event.details.repeats ?? 1)

/** How often all of them happened. */
export const timesOfAll = (events: readonly Pick<RecordedEvent, 'details'>[]): number =>
  events.reduce((sum, event) => sum + timesOf(event), 0)

/** The audit log as an auditor reads it, oldest first, whole. */
export const eventsWhere = async (gatehouse: Gatehouse, filter: SecurityEventFilter): Promise<RecordedEvent[]> => {
  await settleRefusals(gatehouse)
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

/** How often each type of event happened. */
export const countTypes = (events: readonly RecordedEvent[]): Partial<Record<RecordedEvent['type'], number>> =>
  Object.fromEntries([...Map.groupBy(events, ({ type }) => type)].map(([type, group]) => [type, timesOfAll(group)]))
