import type { OperationVariables, TypedDocumentNode } from '@apollo/client'
import { useState } from 'react'
import { CodeForm } from './code-form'
import { type AuthenticationMethod, ReauthenticateDocument } from './documents.generated'
import { wordsFor } from './failure'
import { submitting } from './submitting'
import { useAct } from './use-act'

/** A mutation that may want a fresh proof. Show `proof` while it is not null, and hide the form: once it is given, the act is done. */
export const useSensitiveAct = <Data, Variables extends OperationVariables>(
  mutation: TypedDocumentNode<Data, Variables>,
  onDone: (data: Data) => void,
) => {
  const { act, failure, isBusy } = useAct(mutation)
  const [waiting, setWaiting] = useState<Variables | null>(null)
  const start = async (variables: Variables) => {
    setWaiting(variables)
    const data = await act(variables)
    if (data) {
      setWaiting(null)
      onDone(data)
    }
  }
  const isProofWanted = failure?.code === 'STEP_UP_REQUIRED' && waiting !== null
  const proof = isProofWanted ? <Proof {...failure} onProved={() => start(waiting)} /> : null
  return { start, proof, failure: isProofWanted ? null : failure, isBusy }
}

interface ProofProps {
  readonly methods: readonly AuthenticationMethod[]
  readonly challengeId?: string
  readonly onProved: () => void
}

const Proof = ({ methods, challengeId, onProved }: ProofProps) => {
  const { act, failure } = useAct(ReauthenticateDocument)
  if (challengeId) {
    const codes = methods.filter((method) => method !== 'PASSWORD')
    const challenge = { id: challengeId, methods: codes, sentTo: null }
    return <CodeForm key={challengeId} challenge={challenge} onDone={onProved} onOver={onProved} />
  }
  const prove = async (form: FormData) => {
    if (await act({ password: String(form.get('password')) })) onProved()
  }
  return (
    <form onSubmit={submitting(prove)}>
      <input name="password" type="password" autoComplete="current-password" required aria-label="Your password" />
      <button type="submit">Confirm that it is you</button>
      {failure && <p role="alert">{wordsFor(failure)}</p>}
    </form>
  )
}
