import { useQuery } from '@apollo/client/react'
import {
  ConsentsDocument,
  DeleteMyAccountDocument,
  ExportMyDataDocument,
  RecordConsentDocument,
} from './documents.generated'
import { wordsFor } from './failure'
import { useSensitiveAct } from './step-up'
import { submitting } from './submitting'
import { useAct } from './use-act'

/** Asks for one purpose, by the version of the text that stands beside the box. */
export const ConsentBox = ({ purpose, version, text }: { purpose: string; version: string; text: string }) => {
  const { data, refetch } = useQuery(ConsentsDocument, { fetchPolicy: 'network-only' })
  const record = useAct(RecordConsentDocument)
  const known = data?.consents.find((consent) => consent.purpose === purpose && consent.version === version)
  const decide = async (granted: boolean) => {
    await record.act({ input: { purpose, version, granted } })
    await refetch()
  }
  return (
    <label>
      <input type="checkbox" checked={known?.granted ?? false} onChange={(event) => decide(event.target.checked)} />
      {text} {record.failure && <span role="alert">{wordsFor(record.failure)}</span>}
    </label>
  )
}

export const ExportMyData = () => {
  const { start, proof, failure } = useSensitiveAct(ExportMyDataDocument, ({ exportMyData }) => {
    const file = new Blob([JSON.stringify(exportMyData.data, null, 2)], { type: 'application/json' })
    const link = Object.assign(document.createElement('a'), {
      href: URL.createObjectURL(file),
      download: 'my-data.json',
    })
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000) // the browser may ask first where to put it
  })
  if (proof) return proof
  return (
    <>
      <button type="button" onClick={() => start({})}>
        Download everything about me
      </button>
      {failure && <p role="alert">{wordsFor(failure)}</p>}
    </>
  )
}

export const DeleteMyAccount = ({ email, onDeleted }: { email: string; onDeleted: () => void }) => {
  const { start, proof, failure, isBusy } = useSensitiveAct(DeleteMyAccountDocument, onDeleted)
  if (proof) return proof
  return (
    <form onSubmit={submitting(() => start({}))}>
      <label>
        <input type="checkbox" required /> Delete {email} and all that belongs to it. This can not be undone.
      </label>
      <button type="submit" disabled={isBusy}>
        Delete my account
      </button>
      {failure?.code === 'CONFLICT' && <p role="alert">You are the last administrator. Make another one first.</p>}
      {failure && failure.code !== 'CONFLICT' && <p role="alert">{wordsFor(failure)}</p>}
    </form>
  )
}
