import { useState } from 'react'
import { CodeForm } from './code-form'
import {
  type ChallengeFieldsFragment,
  RequestPasswordResetDocument,
  ResetPasswordDocument,
} from './documents.generated'
import { wordsFor } from './failure'
import { submitting } from './submitting'
import { useAct } from './use-act'

export const ForgottenPassword = () => {
  const { act, failure, isBusy } = useAct(RequestPasswordResetDocument)
  const [sentTo, setSentTo] = useState<string | null>(null)
  const request = async (form: FormData) => {
    const data = await act({ email: String(form.get('email')) })
    if (data) setSentTo(data.requestPasswordReset.email)
  }
  if (sentTo) return <p>If there is an account for {sentTo}, a mail is on its way.</p>
  return (
    <form onSubmit={submitting(request)}>
      <input name="email" type="email" autoComplete="username" required aria-label="Email" />
      <button type="submit" disabled={isBusy}>
        Send me a link
      </button>
      {failure && <p role="alert">{wordsFor(failure)}</p>}
    </form>
  )
}

/** The page `/reset-password`. Keeps the token out of the address bar while the user thinks of a password. */
export const ResetPassword = ({ token, onReset }: { token: string; onReset: () => void }) => {
  const { act, failure, isBusy } = useAct(ResetPasswordDocument)
  const [challenge, setChallenge] = useState<ChallengeFieldsFragment | null>(null)
  const reset = async (form: FormData) => {
    const data = await act({ input: { token, newPassword: String(form.get('password')) } })
    if (data?.resetPassword.__typename === 'PasswordChanged') onReset()
    if (data?.resetPassword.__typename === 'MfaRequired') setChallenge(data.resetPassword.challenge)
  }
  if (failure?.code === 'TOKEN_INVALID') return <a href="/forgotten-password">{wordsFor(failure)}</a>
  if (challenge) {
    return <CodeForm challenge={challenge} onDone={onReset} onOver={() => location.assign('/forgotten-password')} />
  }
  return (
    <form onSubmit={submitting(reset)}>
      <input name="password" type="password" autoComplete="new-password" required aria-label="New password" />
      <button type="submit" disabled={isBusy}>
        Set it
      </button>
      {failure && <p role="alert">{wordsFor(failure)}</p>}
    </form>
  )
}
