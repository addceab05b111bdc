import { hash } from '@node-rs/argon2'
import { openDatabase } from '../../src/db/client.ts'
import { users } from '../../src/db/tables/accounts.ts'
import { newId } from '../../src/lib/ids.ts'
import { newSessionTag } from '../../src/sessions/session-token.ts'
import type { Call } from './load.ts'

export const password = 'correct horse battery staple 42'

/** The parameters of src/accounts/password-hasher.ts. */
export const hashParameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

export type SeededUser = typeof users.$inferInsert

const rowsAtOnce = 1_000

/**
 * Adds active users, all with one password whose hash is made once: checking it costs as much for each of them. Whoever
 * gives them a factor in force says so here, as enrolment would.
 */
export const addUsers = async (
  databaseUrl: string,
  group: string,
  count: number,
  mfaEnabled = false,
): Promise<SeededUser[]> => {
  const passwordHash = await hash(password, hashParameters)
  const createdAt = new Date()
  const rows = Array.from({ length: count }, (_none, number): SeededUser => {
    const email = `${group}${number}@example.com`
    return {
      id: newId(),
      email,
      emailKey: email,
      passwordHash,
      mfaEnabled,
      role: 'USER',
      status: 'ACTIVE',
      sessionTag: newSessionTag(),
      emailConfirmedAt: createdAt,
      createdAt,
    }
  })
  await withDatabase(databaseUrl, (db) => inChunks(rows, (chunk) => db.insert(users).values(chunk)))
  return rows
}

/** Runs `work` on the database and closes it. */
export const withDatabase = async <T>(
  databaseUrl: string,
  work: (db: ReturnType<typeof openDatabase>['writing']) => Promise<T>,
): Promise<T> => {
  const database = openDatabase(databaseUrl)
  try {
    return await work(database.writing)
  } finally {
    await database.close()
  }
}

export const inChunks = async <T>(rows: readonly T[], insert: (chunk: T[]) => PromiseLike<unknown>): Promise<void> => {
  for (let start = 0; start < rows.length; start += rowsAtOnce) await insert(rows.slice(start, start + rowsAtOnce))
}

const loginMutation =
  'mutation ($input: LoginInput!) { login(input: $input) { __typename ... on SignedIn { sessionToken user { id } } } }'

/** A user's sign-in by password. */
export const loginCall = ({ email }: SeededUser, user: number): Call => ({
  query: loginMutation,
  variables: { input: { email, password } },
  user,
})
