import { useQuery } from '@apollo/client/react'
import { AuditEventsDocument, SuspendUserDocument } from './documents.generated'
import { wordsFor } from './failure'
import { useSensitiveAct } from './step-up'
import { submitting } from './submitting'

/** What happened to everybody, newest first, a page at a time. */
export const AuditLog = () => {
  const { data, fetchMore } = useQuery(AuditEventsDocument, {
    variables: { first: 50, filter: { severities: ['WARNING', 'CRITICAL'] } },
    fetchPolicy: 'no-cache',
  })
  const { edges = [], pageInfo } = data?.auditEvents ?? {}
  const older = () =>
    fetchMore({
      variables: { after: pageInfo?.endCursor ?? null },
      updateQuery: (earlier, { fetchMoreResult: { auditEvents } }) => ({
        auditEvents: { ...auditEvents, edges: [...earlier.auditEvents.edges, ...auditEvents.edges] },
      }),
    })
  return (
    <>
      {edges.map(({ node: { id, type, outcome, occurredAt, user, actor } }) => (
        <p key={id}>
          {occurredAt} {type} {outcome} {user?.email} {actor && `by ${actor.email}`}
        </p>
      ))}
      <button type="button" disabled={!pageInfo?.hasNextPage} onClick={older}>
        Older
      </button>
    </>
  )
}

export const SuspendUser = ({ id, onSuspended }: { id: string; onSuspended: () => void }) => {
  const { start, proof, failure } = useSensitiveAct(SuspendUserDocument, onSuspended)
  return (
    <>
      {proof}
      <form hidden={proof !== null} onSubmit={submitting((form) => start({ id, reason: String(form.get('reason')) }))}>
        <input name="reason" maxLength={500} required aria-label="Reason, for the log" />
        <button type="submit">Suspend</button>
        {failure && <p role="alert">{wordsFor(failure)}</p>}
      </form>
    </>
  )
}
