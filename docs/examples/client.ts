import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client'
import { ErrorLink } from '@apollo/client/link/error'
import { failureOf } from './failure'

/** The unions of the schema: the cache must know what they can be. */
export const possibleTypes = {
  ConfirmEmailResult: ['EmailChanged', 'SignedIn'],
  LoginResult: ['MfaRequired', 'SessionLimitReached', 'SignedIn'],
  MfaEnrolment: ['SmsEnrolment', 'TotpEnrolment'],
  ResetPasswordResult: ['MfaRequired', 'PasswordChanged'],
  VerifyMfaResult: ['MfaActivated', 'PasswordChanged', 'SessionLimitReached', 'SignedIn', 'SteppedUp'],
}

/** A client for pages of the same site, whose session is in a cookie that no script can read. */
export const createPageClient = (url: string, onSignedOut: (reason: string | null) => void): ApolloClient => {
  const signedOut = new ErrorLink(({ error }) => {
    const failure = failureOf(error)
    if (failure.code === 'SESSION_ENDED') onSignedOut(failure.reason)
    if (failure.code === 'UNAUTHENTICATED') onSignedOut(null)
  })
  return new ApolloClient({
    link: ApolloLink.from([signedOut, new HttpLink({ uri: `${url}/graphql`, credentials: 'include' })]),
    cache: new InMemoryCache({ possibleTypes }),
    defaultOptions: { mutate: { fetchPolicy: 'no-cache' } }, // their answers hold what is shown once
  })
}
