import { ResolveSessionLimitDocument, type SessionFieldsFragment } from './documents.generated'
import { wordsFor } from './failure'
import { submitting } from './submitting'
import { useAct } from './use-act'

interface Props {
  readonly ticket: string
  readonly sessions: readonly SessionFieldsFragment[]
  readonly onSignedIn: () => void
  readonly onOver: () => void
}

/** Has the user choose which session gives way to the new one. */
export const SessionLimit = ({ ticket, sessions, onSignedIn, onOver }: Props) => {
  const { act, failure, isBusy } = useAct(ResolveSessionLimitDocument)
  const end = async (form: FormData) => {
    const data = await act({ input: { ticket, endSessionIds: form.getAll('session').map(String) } })
    if (data) onSignedIn()
  }
  if (failure?.code === 'CHALLENGE_EXPIRED') {
    return (
      <button type="button" onClick={onOver}>
        {wordsFor(failure)}
      </button>
    )
  }
  return (
    <form onSubmit={submitting(end)}>
      <p>You are signed in on as many devices as you may be. Sign out on one of them.</p>
      {sessions.map(({ id, device, lastSeenAt }) => (
        <label key={id}>
          <input name="session" type="checkbox" value={id} /> {device.label}, {new Date(lastSeenAt).toLocaleString()}
        </label>
      ))}
      <button type="submit" disabled={isBusy}>
        Sign out there, and in here
      </button>
      {failure?.code === 'CONFLICT' && <p role="alert">Choose one more.</p>}
      {failure && failure.code !== 'CONFLICT' && <p role="alert">{wordsFor(failure)}</p>}
    </form>
  )
}
