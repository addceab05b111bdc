import { useState } from 'react'
import {
  type ChallengeFieldsFragment,
  type MfaMethod,
  SendMfaCodeDocument,
  VerifyMfaDocument,
  type VerifyMfaMutation,
} from './documents.generated'
import { wordsFor } from './failure'
import { submitting } from './submitting'
import { useAct } from './use-act'

const labels: Record<MfaMethod, string> = {
  TOTP: 'Code from your app',
  SMS: 'Code from the text message',
  BACKUP_CODE: 'Backup code',
}

interface Props {
  readonly challenge: Pick<ChallengeFieldsFragment, 'id' | 'methods' | 'sentTo'>
  /** At sign-in only, and not on shared computers. */
  readonly offersTrust?: boolean
  readonly onDone: (result: VerifyMfaMutation['verifyMfa']) => void
  readonly onOver: () => void
}

/** Asks for a code and answers a challenge with it, whatever the challenge is for. */
export const CodeForm = ({ challenge, offersTrust = false, onDone, onOver }: Props) => {
  const [method, setMethod] = useState(challenge.methods[0] ?? 'BACKUP_CODE')
  const [sentTo, setSentTo] = useState(challenge.sentTo)
  const verify = useAct(VerifyMfaDocument)
  const send = useAct(SendMfaCodeDocument)
  const answer = async (form: FormData) => {
    const code = String(form.get('code'))
    const trustDevice = form.get('trust') === 'on'
    const data = await verify.act({ input: { challengeId: challenge.id, code, method, trustDevice } })
    if (data) onDone(data.verifyMfa)
  }
  const sendCode = async () => {
    const data = await send.act({ input: { challengeId: challenge.id } })
    if (data) setSentTo(data.sendMfaCode.sentTo)
  }
  const failure = verify.failure ?? send.failure
  if (failure?.code === 'CHALLENGE_EXPIRED') {
    return (
      <button type="button" onClick={onOver}>
        {wordsFor(failure)}
      </button>
    )
  }
  return (
    <form onSubmit={submitting(answer)}>
      {method === 'SMS' && (
        <button type="button" onClick={sendCode} disabled={send.isBusy}>
          {sentTo ? `Sent to ${sentTo}. Send again` : 'Send the code'}
        </button>
      )}
      <input name="code" autoComplete="one-time-code" required aria-label={labels[method]} />
      {offersTrust && (
        <label>
          <input name="trust" type="checkbox" /> Do not ask on this device for 30 days
        </label>
      )}
      <button type="submit" disabled={verify.isBusy}>
        Go on
      </button>
      {challenge.methods
        .filter((other) => other !== method)
        .map((other) => (
          <button key={other} type="button" onClick={() => setMethod(other)}>
            {labels[other]}
          </button>
        ))}
      {failure && <p role="alert">{wordsFor(failure)}</p>}
    </form>
  )
}
