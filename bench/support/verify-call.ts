import type { Call } from './load.ts'

const mutation = 'mutation ($input: VerifyMfaInput!) { verifyMfa(input: $input) { __typename } }'

/** An answer to a challenge. */
export const verifyInput = (challengeId: string, code: string): Pick<Call, 'query' | 'variables'> => ({
  query: mutation,
  variables: { input: { challengeId, code } },
})
