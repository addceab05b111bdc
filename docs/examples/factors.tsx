import { useQuery } from '@apollo/client/react'
import { useState } from 'react'
import {
  FactorsDocument,
  RegenerateBackupCodesDocument,
  RemoveMfaFactorDocument,
  RenameMfaFactorDocument,
  SetPreferredMfaFactorDocument,
} from './documents.generated'
import { SaveCodes } from './enrolment'
import { wordsFor } from './failure'
import { useSensitiveAct } from './step-up'
import { submitting } from './submitting'
import { useAct } from './use-act'

export const Factors = () => {
  const { data, refetch } = useQuery(FactorsDocument)
  const [codes, setCodes] = useState<readonly string[] | null>(null)
  const rename = useAct(RenameMfaFactorDocument)
  const prefer = useAct(SetPreferredMfaFactorDocument)
  const remove = useSensitiveAct(RemoveMfaFactorDocument, () => refetch())
  const renew = useSensitiveAct(RegenerateBackupCodesDocument, ({ regenerateBackupCodes }) =>
    setCodes(regenerateBackupCodes.codes),
  )
  const renameTo = async (id: string, form: FormData) => {
    await rename.act({ id, label: String(form.get('label')) })
    await refetch()
  }
  if (codes) return <SaveCodes codes={codes} onSaved={() => setCodes(null)} />
  const proof = remove.proof ?? renew.proof
  if (proof) return proof
  const failure = rename.failure ?? prefer.failure ?? remove.failure ?? renew.failure
  return (
    <>
      {data?.me.mfa.factors.map(({ id, label, maskedPhoneNumber, status, preferred }) => (
        <form key={id} onSubmit={submitting((form) => renameTo(id, form))}>
          <input name="label" defaultValue={label} maxLength={64} aria-label="Name" /> {maskedPhoneNumber}
          {status === 'DISABLED' && ' takes no codes any more: remove it and add it again'}
          <button type="submit">Rename</button>
          <button type="button" disabled={preferred} onClick={() => prefer.act({ id }).then(() => refetch())}>
            Ask for this first
          </button>
          <button type="button" onClick={() => remove.start({ id })}>
            Remove
          </button>
        </form>
      ))}
      <p>Backup codes left: {data?.me.mfa.backupCodesRemaining}</p>
      <button type="button" onClick={() => renew.start({})}>
        Make new backup codes
      </button>
      {failure && <p role="alert">{wordsFor(failure)}</p>}
    </>
  )
}
