import { ChangeEmailDocument, ChangePasswordDocument } from './documents.generated'
import { wordsFor } from './failure'
import { useSensitiveAct } from './step-up'
import { submitting } from './submitting'

export const ChangePassword = ({ onChanged }: { onChanged: () => void }) => {
  const { start, proof, failure, isBusy } = useSensitiveAct(ChangePasswordDocument, onChanged)
  const change = (form: FormData) =>
    start({ input: { currentPassword: String(form.get('current')), newPassword: String(form.get('new')) } })
  return (
    <>
      {proof}
      <form hidden={proof !== null} onSubmit={submitting(change)}>
        <input name="current" type="password" autoComplete="current-password" required aria-label="Current password" />
        <input name="new" type="password" autoComplete="new-password" required aria-label="New password" />
        <button type="submit" disabled={isBusy}>
          Change it
        </button>
        {failure?.code === 'INVALID_CREDENTIALS' && <p role="alert">The current password is wrong.</p>}
        {failure && failure.code !== 'INVALID_CREDENTIALS' && <p role="alert">{wordsFor(failure)}</p>}
      </form>
    </>
  )
}

export const ChangeEmail = ({ onSent }: { onSent: (email: string) => void }) => {
  const { start, proof, failure } = useSensitiveAct(ChangeEmailDocument, ({ changeEmail }) => onSent(changeEmail.email))
  return (
    <>
      {proof}
      <form hidden={proof !== null} onSubmit={submitting((form) => start({ newEmail: String(form.get('email')) }))}>
        <input name="email" type="email" autoComplete="email" required aria-label="New address" />
        <button type="submit">Change my address</button>
        {failure && <p role="alert">{wordsFor(failure)}</p>}
      </form>
    </>
  )
}
