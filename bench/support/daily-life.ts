import { type Answer, requestText } from './load.ts'
import { password } from './seed.ts'
import { addSignIns } from './seed-mfa.ts'

const usersOfConnection = 16 // a code is good once in 30 s: each has time to get a new one
const readsOfSession = 100
const reads = [
  ...Array(8).fill('{ me { id email } }'),
  '{ listSessions { id current device { label } } }',
  '{ securityEvents(first: 10) { edges { node { type outcome } } } }',
]
const loginMutation =
  'mutation ($input: LoginInput!) { login(input: $input) { ... on MfaRequired { challenge { id } } } }'
const verifyMutation =
  'mutation ($input: VerifyMfaInput!) { verifyMfa(input: $input) { ... on SignedIn { sessionToken } } }'
const logoutMutation = 'mutation { logout { id } }'

interface Life {
  turn: number
  challengeId: string | null
  sessionToken: string | null
  asked: number
}

/**
 * What users do all day, a user after the other over each connection: sign in with a second factor, read, and sign out, or
 * leave every other session to time.
 */
export const createDailyLife = async (databaseUrl: string, connections: number) => {
  const users = await addSignIns(databaseUrl, 'soak', 'TOTP', connections * usersOfConnection)
  const lives = Array.from(
    { length: connections },
    (): Life => ({ turn: 0, challengeId: null, sessionToken: null, asked: 0 }),
  )
  const failures = new Map<string, number>()
  let newestToken = ''

  const begin = (life: Life): void => {
    Object.assign(life, { turn: life.turn + 1, challengeId: null, sessionToken: null, asked: 0 })
  }

  return {
    /** Requests that were not answered as they should, by the code of the error, or by the status where there is none. */
    failures: (): ReadonlyMap<string, number> => new Map(failures),
    /** The token of a session that was opened not long ago. */
    newestToken: () => newestToken,
    next(connection: number): string {
      const life = lives[connection] as Life
      const user = connection * usersOfConnection + (life.turn % usersOfConnection)
      if (life.sessionToken) {
        const isLast = life.asked++ === readsOfSession
        const query = isLast ? logoutMutation : (reads[life.asked % reads.length] as string)
        return requestText({ query, user, sessionToken: life.sessionToken })
      }
      if (life.challengeId) {
        const code = users[user]?.code()
        return requestText({
          query: verifyMutation,
          variables: { input: { challengeId: life.challengeId, code } },
          user,
        })
      }
      const input = { email: `soak${user}@example.com`, password }
      return requestText({ query: loginMutation, variables: { input }, user })
    },
    onAnswer({ connection, isSuccess, status, body }: Answer): void {
      const life = lives[connection] as Life
      if (!isSuccess) {
        const code = /"code":"([A-Z_]+)"/.exec(body)?.[1] ?? `HTTP ${status}`
        failures.set(code, (failures.get(code) ?? 0) + 1)
      }
      const hasEnded = life.asked > readsOfSession || (life.asked === readsOfSession && life.turn % 2 === 0)
      if (!isSuccess || hasEnded) begin(life)
      else if (!life.sessionToken) {
        life.challengeId = /"challenge":\{"id":"([^"]+)"/.exec(body)?.[1] ?? null
        life.sessionToken = /"sessionToken":"([^"]+)"/.exec(body)?.[1] ?? null
        newestToken = life.sessionToken ?? newestToken
      }
    },
  }
}
