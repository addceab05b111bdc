import { useQuery } from '@apollo/client/react'
import { useState } from 'react'
import { AuditEventsDocument, ResetUserMfaDocument, SuspendUserDocument, UsersDocument } from './documents.generated'
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

/** Finds users by a part of their address. */
export const Users = ({ onChosen }: { onChosen: (id: string) => void }) => {
  const [email, setEmail] = useState('')
  const { data } = useQuery(UsersDocument, {
    variables: { filter: email.length < 3 ? {} : { email } },
    fetchPolicy: 'no-cache',
  })
  return (
    <>
      <input value={email} onChange={(event) => setEmail(event.target.value)} aria-label="Part of the address" />
      {data?.users.edges.map(({ node: { id, email, role, status, mfa } }) => (
        <button key={id} type="button" onClick={() => onChosen(id)}>
          {email} {role} {status} {mfa.enabled ? 'second factor' : 'password alone'}
        </button>
      ))}
    </>
  )
}

/** For who lost every factor. Make sure first, on another way, that it is they who ask. */
export const ResetUserMfa = ({ id, onReset }: { id: string; onReset: () => void }) => {
  const { start, proof, failure } = useSensitiveAct(ResetUserMfaDocument, onReset)
  return (
    <>
      {proof}
      <form hidden={proof !== null} onSubmit={submitting((form) => start({ id, reason: String(form.get('reason')) }))}>
        <input name="reason" maxLength={500} required aria-label="How you made sure, for the log" />
        <button type="submit">Remove every second factor</button>
        {failure?.code === 'CONFLICT' && <p role="alert">There is none to remove.</p>}
        {failure && failure.code !== 'CONFLICT' && <p role="alert">{wordsFor(failure)}</p>}
      </form>
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
