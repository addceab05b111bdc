import { useState } from 'react'
import { CodeForm } from './code-form'
import { EnrolMfaDocument, type EnrolMfaMutation, type VerifyMfaMutation } from './documents.generated'
import { wordsFor } from './failure'
import { useSensitiveAct } from './step-up'
import { submitting } from './submitting'

export const Enrolment = ({ onEnrolled }: { onEnrolled: () => void }) => {
  const [enrolment, setEnrolment] = useState<EnrolMfaMutation['enrolMfa'] | null>(null)
  const [codes, setCodes] = useState<readonly string[] | null>(null)
  const { start, proof, failure } = useSensitiveAct(EnrolMfaDocument, (data) => setEnrolment(data.enrolMfa))
  const finish = (result: VerifyMfaMutation['verifyMfa']) => {
    if (result.__typename === 'MfaActivated' && result.backupCodes) setCodes(result.backupCodes.codes)
    else onEnrolled()
  }
  const restart = () => setEnrolment(null)
  if (codes) return <SaveCodes codes={codes} onSaved={onEnrolled} />
  if (enrolment?.__typename === 'TotpEnrolment') {
    return (
      <>
        <p>Scan this with your app, or type {enrolment.secret} into it. Then enter the code that it shows.</p>
        <img src={enrolment.qrCode} alt="QR code for your authenticator app" />
        <CodeForm challenge={enrolment.challenge} onDone={finish} onOver={restart} />
      </>
    )
  }
  if (enrolment?.__typename === 'SmsEnrolment') {
    return (
      <>
        <p>{enrolment.riskNotice}</p>
        <CodeForm challenge={enrolment.challenge} onDone={finish} onOver={restart} />
      </>
    )
  }
  const addPhone = (form: FormData) => start({ input: { method: 'SMS', phoneNumber: String(form.get('phone')) } })
  return (
    <>
      {proof}
      <div hidden={proof !== null}>
        <button type="button" onClick={() => start({ input: { method: 'TOTP' } })}>
          Use an authenticator app (recommended)
        </button>
        <form onSubmit={submitting(addPhone)}>
          <input name="phone" type="tel" autoComplete="tel" required aria-label="Mobile number, with +" />
          <button type="submit">Use text messages</button>
        </form>
        {failure && <p role="alert">{wordsFor(failure)}</p>}
      </div>
    </>
  )
}

export const SaveCodes = ({ codes, onSaved }: { codes: readonly string[]; onSaved: () => void }) => (
  <>
    <p>Each of these codes signs you in once when your phone is not at hand. They are not shown again.</p>
    <pre>{codes.join('\n')}</pre>
    <button type="button" onClick={() => navigator.clipboard.writeText(codes.join('\n'))}>
      Copy
    </button>
    <button type="button" onClick={onSaved}>
      I have saved them
    </button>
  </>
)
