import { useApolloClient } from '@apollo/client/react'
import { useEffect, useState } from 'react'
import type { EventFieldsFragment } from './documents.generated'
import { type Failure, failureOf, wordsFor } from './failure'
import { follow } from './follow'

export const LiveEvents = () => {
  const client = useApolloClient()
  const [events, setEvents] = useState<readonly EventFieldsFragment[]>([])
  const [failure, setFailure] = useState<Failure | null>(null)
  useEffect(() => {
    const page = new AbortController()
    const show = (event: EventFieldsFragment) => setEvents((earlier) => [event, ...earlier].slice(0, 50))
    follow(client, page.signal, show).catch((problem) => setFailure(failureOf(problem)))
    return () => page.abort()
  }, [client])
  return (
    <>
      {failure && <p role="alert">{wordsFor(failure)}</p>}
      {events.map(({ id, type, occurredAt, device }) => (
        <p key={id}>
          {new Date(occurredAt).toLocaleTimeString()} {type} {device?.label}
        </p>
      ))}
    </>
  )
}
