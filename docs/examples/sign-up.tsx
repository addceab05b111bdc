import { useState } from 'react'
import { ConfirmEmailDocument, RegisterDocument } from './documents.generated'
import { wordsFor } from './failure'
import { submitting } from './submitting'
import { useAct } from './use-act'

export const SignUp = () => {
  const { act, failure, isBusy } = useAct(RegisterDocument)
  const [sentTo, setSentTo] = useState<string | null>(null)
  const register = async (form: FormData) => {
    const data = await act({ input: { email: String(form.get('email')), password: String(form.get('password')) } })
    if (data) setSentTo(data.register.email)
  }
  if (sentTo) return <p>If {sentTo} can be registered, a mail with a link is on its way.</p>
  return (
    <form onSubmit={submitting(register)}>
      <input name="email" type="email" autoComplete="username" required aria-label="Email" />
      <input name="password" type="password" autoComplete="new-password" required aria-label="Password" />
      <button type="submit" disabled={isBusy}>
        Sign up
      </button>
      {failure && <p role="alert">{wordsFor(failure)}</p>}
    </form>
  )
}

/** The page `/confirm-email`: its link bears the token behind `#token=`, which no server and no log sees. */
export const ConfirmEmail = ({ onSignedIn }: { onSignedIn: () => void }) => {
  const { act, failure, isBusy } = useAct(ConfirmEmailDocument)
  const [newEmail, setNewEmail] = useState<string | null>(null)
  const confirm = async () => {
    const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? ''
    const data = await act({ input: { token, transport: 'COOKIE' } })
    if (!data) return
    history.replaceState(null, '', location.pathname)
    if (data.confirmEmail.__typename === 'SignedIn') onSignedIn()
    else setNewEmail(data.confirmEmail.user.email)
  }
  if (newEmail) return <p>From now on you sign in as {newEmail}.</p>
  return (
    <form onSubmit={submitting(confirm)}>
      <button type="submit" disabled={isBusy}>
        Confirm my address
      </button>
      {failure && <p role="alert">{wordsFor(failure)}</p>}
    </form>
  )
}
