import { useQuery } from '@apollo/client/react'
import {
  LogoutDocument,
  RevokeOtherSessionsDocument,
  RevokeSessionDocument,
  RevokeTrustedDeviceDocument,
  SessionsDocument,
  TrustedDevicesDocument,
} from './documents.generated'
import { useAct } from './use-act'

export const Sessions = ({ onSignedOut }: { onSignedOut: () => void }) => {
  const { data, refetch } = useQuery(SessionsDocument, { fetchPolicy: 'network-only' })
  const revoke = useAct(RevokeSessionDocument)
  const revokeOthers = useAct(RevokeOtherSessionsDocument)
  const logout = useAct(LogoutDocument)
  return (
    <>
      {data?.listSessions.map(({ id, current, device, location, lastSeenAt }) => (
        <p key={id}>
          {device.label}, {location?.city ?? location?.countryCode ?? 'somewhere'},{' '}
          {new Date(lastSeenAt).toLocaleString()}
          {current ? (
            ' (here)'
          ) : (
            <button type="button" onClick={() => revoke.act({ id }).finally(() => refetch())}>
              Sign out there
            </button>
          )}
        </p>
      ))}
      <button type="button" onClick={() => revokeOthers.act({}).finally(() => refetch())}>
        Sign out everywhere else
      </button>
      <button type="button" onClick={() => logout.act({}).then(onSignedOut)}>
        Sign out
      </button>
      <a href="https://db-ip.com">IP Geolocation by DB-IP</a>
    </>
  )
}

export const TrustedDevices = () => {
  const { data, refetch } = useQuery(TrustedDevicesDocument, { fetchPolicy: 'network-only' })
  const revoke = useAct(RevokeTrustedDeviceDocument)
  return data?.trustedDevices.map(({ id, device, expiresAt }) => (
    <p key={id}>
      {device.label}, until {new Date(expiresAt).toLocaleDateString()}
      <button type="button" onClick={() => revoke.act({ id }).finally(() => refetch())}>
        Ask for a code there again
      </button>
    </p>
  ))
}
