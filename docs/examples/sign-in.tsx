import { useState } from 'react'
import { CodeForm } from './code-form'
import { LoginDocument, type LoginMutation, type VerifyMfaMutation } from './documents.generated'
import { wordsFor } from './failure'
import { SessionLimit } from './session-limit'
import { submitting } from './submitting'
import { useAct } from './use-act'

type Step = LoginMutation['login'] | VerifyMfaMutation['verifyMfa']

export const SignIn = ({ onSignedIn }: { onSignedIn: () => void }) => {
  const { act, failure, isBusy } = useAct(LoginDocument)
  const [step, setStep] = useState<Step | null>(null)
  const goOn = (next: Step) => (next.__typename === 'SignedIn' ? onSignedIn() : setStep(next))
  const again = () => setStep(null)
  const login = async (form: FormData) => {
    const [email, password] = [String(form.get('email')), String(form.get('password'))]
    const data = await act({ input: { email, password, transport: 'COOKIE' } })
    if (data) goOn(data.login)
  }
  if (step?.__typename === 'MfaRequired') {
    return <CodeForm challenge={step.challenge} offersTrust onDone={goOn} onOver={again} />
  }
  if (step?.__typename === 'SessionLimitReached') {
    return <SessionLimit {...step} onSignedIn={onSignedIn} onOver={again} />
  }
  return (
    <form onSubmit={submitting(login)}>
      <input name="email" type="email" autoComplete="username" required aria-label="Email" />
      <input name="password" type="password" autoComplete="current-password" required aria-label="Password" />
      <button type="submit" disabled={isBusy}>
        Sign in
      </button>
      {failure && <p role="alert">{wordsFor(failure)}</p>}
      <a href="/forgotten-password">Forgot your password?</a>
    </form>
  )
}
