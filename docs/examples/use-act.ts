import type { OperationVariables, TypedDocumentNode } from '@apollo/client'
import { useApolloClient } from '@apollo/client/react'
import { useState } from 'react'
import { type Failure, failureOf } from './failure'

/** A mutation for a form: `act` gives its data, or null where it failed; `failure` says how. */
export const useAct = <Data, Variables extends OperationVariables>(mutation: TypedDocumentNode<Data, Variables>) => {
  const client = useApolloClient()
  const [failure, setFailure] = useState<Failure | null>(null)
  const [isBusy, setIsBusy] = useState(false)
  const act = async (variables: Variables): Promise<Data | null> => {
    setIsBusy(true)
    setFailure(null)
    try {
      const { data } = await client.mutate<Data, OperationVariables>({ mutation, variables })
      return data ?? null
    } catch (problem) {
      setFailure(failureOf(problem))
      return null
    } finally {
      setIsBusy(false)
    }
  }
  return { act, failure, isBusy }
}
