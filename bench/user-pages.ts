import postgres from 'postgres'
import { measureFilters } from './support/filters.ts'
import type { Benchmark } from './support/report.ts'
import { addUsers, type SeededUser } from './support/seed.ts'
import { startGatehouse } from './support/server.ts'
import { signInAll } from './support/sign-in-all.ts'

const userCount = 100_000

const query = `query ($first: Int, $filter: UserFilter) {
  users(first: $first, filter: $filter) {
    edges { cursor node { id email role status createdAt lastLoginAt mfa { enabled } } } pageInfo { hasNextPage endCursor }
  }
}`

const filters = {
  'all users': {},
  'a part of one address': { email: 'person51234@' },
  'a part of no address': { email: 'nobody-has-this' },
  'a part of most addresses': { email: '@example.com' },
  'a part of the addresses of the oldest 30,000': { email: '@old.example' },
  'three letters that no index knows': { email: 'a@b' },
  'role ADMIN': { role: 'ADMIN' },
  'status SUSPENDED, all among the oldest': { status: 'SUSPENDED' },
  'status ACTIVE': { status: 'ACTIVE' },
  'mfaEnabled true': { mfaEnabled: true },
  'PENDING with a second factor: nobody': { status: 'PENDING', mfaEnabled: true },
  'role ADMIN and a part of one address': { role: 'ADMIN', email: 'person20007@' },
  'role ADMIN and a part of most addresses': { role: 'ADMIN', email: '@example.com' },
  'SUSPENDED and a part of none of their addresses': { status: 'SUSPENDED', email: '@example.com' },
  'all four': { role: 'USER', status: 'ACTIVE', mfaEnabled: true, email: 'person9' },
}

/** Pages of 100,000 users, by every filter. */
export const userPages: Benchmark = async (environment) => {
  const { databaseUrl } = environment
  const accounts = await addUsers(databaseUrl, 'auditor-of-users', 1)
  const owner = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  try {
    await owner`UPDATE users SET role = 'AUDITOR' WHERE id = ${accounts[0]?.id as string}`
    environment.say(`user-pages: ${userCount} users …`)
    await owner`
      INSERT INTO users (id, email, email_key, role, status, mfa_enabled, session_tag, created_at)
      SELECT gen_random_uuid(), email, email,
        CASE WHEN n % 20000 = 7 THEN 'ADMIN' WHEN n % 5000 = 3 THEN 'AUDITOR' ELSE 'USER' END,
        CASE WHEN n % 100 = 1 THEN 'PENDING' WHEN n % 50 = 3 AND n < 20000 THEN 'SUSPENDED' ELSE 'ACTIVE' END,
        n % 3 = 0 AND n % 100 <> 1, 'page of ' || n, now() - (${userCount} - n) * interval '5 minutes'
      FROM generate_series(1, ${userCount}) AS n,
        LATERAL (SELECT 'person' || n || CASE WHEN n < 30000 THEN '@old.example' ELSE '@example.com' END AS email) AS named`
    await owner`VACUUM ANALYZE users`
  } finally {
    await owner.end()
  }
  const server = await startGatehouse(environment)
  try {
    const [token = ''] = await signInAll(server, accounts as SeededUser[])
    return await measureFilters(server, token, query, filters)
  } finally {
    await server.stop()
  }
}
