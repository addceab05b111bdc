import { useQuery } from '@apollo/client/react'
import { HistoryDocument, RevokeSessionDocument } from './documents.generated'
import { useAct } from './use-act'

export const WasItYou = ({ onNotMe }: { onNotMe: () => void }) => {
  const { data } = useQuery(HistoryDocument, {
    variables: { filter: { types: ['NEW_DEVICE', 'NEW_LOCATION', 'IMPOSSIBLE_TRAVEL', 'SESSION_CONTEXT_CHANGED'] } },
  })
  const revoke = useAct(RevokeSessionDocument)
  const notMe = async (sessionId: string | null) => {
    if (sessionId) await revoke.act({ id: sessionId })
    onNotMe() // leads to a new password
  }
  return data?.securityEvents.edges.map(({ node: { id, sessionId, occurredAt, device, location } }) => (
    <p key={id}>
      {device?.label}, {location?.city ?? location?.countryCode ?? 'somewhere'}, {new Date(occurredAt).toLocaleString()}
      <button type="button" onClick={() => notMe(sessionId)}>
        This was not me
      </button>
    </p>
  ))
}
