import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { UserFilter } from '../../src/admin/user-filter.ts'
import { createUserPageStore } from '../../src/admin/user-page-store.ts'
import { countStatements } from '../support/call-counts.ts'
import type { Client } from '../support/client.ts'
import { UserDocument, UserSessionsDocument, UsersDocument, type UsersQuery } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { openPlans } from '../support/plans.ts'

const seeded = 40_000
const mostRows = seeded / 10
const mostBlocks = 250 // of 2,500 that the table and its indexes have
const emails = [undefined, '@example.com', 'person17@', '@old.example', 'nobody-has-this', 'a_b', '100%'] as const
const roles = [undefined, 'USER', 'AUDITOR', 'ADMIN'] as const
const statuses = [undefined, 'ACTIVE', 'PENDING', 'SUSPENDED'] as const
const factors = [undefined, true, false] as const

/** Every combination of what a filter may hold. */
const filters: readonly UserFilter[] = emails.flatMap((email) =>
  roles.flatMap((role) =>
    statuses.flatMap((status) =>
      factors.map((mfaEnabled) => ({
        ...(email && { email }),
        ...(role && { role }),
        ...(status && { status }),
        ...(mfaEnabled !== undefined && { mfaEnabled }),
      })),
    ),
  ),
)

let gatehouse: Gatehouse
let auditor: Client
let plans: ReturnType<typeof openPlans>
beforeAll(async () => {
  gatehouse = await startGatehouse()
  auditor = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'AUDITOR' }))
  // A fifth registered long ago, with addresses that nobody has had since; several in one instant.
  await gatehouse.sql`
    INSERT INTO users (id, email, email_key, role, status, mfa_enabled, session_tag, created_at)
    SELECT gen_random_uuid(), email, lower(email),
      CASE WHEN n % 8000 = 7 THEN 'ADMIN' WHEN n % 2000 = 3 THEN 'AUDITOR' ELSE 'USER' END,
      CASE WHEN n % 100 = 1 THEN 'PENDING' WHEN n % 400 = 3 AND n < 20000 THEN 'SUSPENDED' ELSE 'ACTIVE' END,
      n % 3 = 0 AND n % 100 <> 1, 'seeded ' || n, '2026-01-01'::timestamptz + n / 3 * interval '1 minute'
    FROM generate_series(1, ${seeded}) AS n,
      LATERAL (SELECT 'Person' || n || CASE WHEN n < 8000 THEN '@old.example' ELSE '@example.com' END AS email) AS named`
  await gatehouse.sql`VACUUM ANALYZE users`
  plans = openPlans(gatehouse.databaseUrl)
}, 120_000)
afterAll(async () => {
  await plans.close()
  await gatehouse.close()
})

const page = async (variables: object): Promise<UsersQuery['users']> =>
  (await auditor.ask(UsersDocument, variables)).users

const idsOf = ({ edges }: UsersQuery['users']) => edges.map(({ node }) => node.id)

/** The ids of those who fit, found by reading everybody. */
const expectedOf = async ({ email, role, status, mfaEnabled }: UserFilter, limit: number): Promise<string[]> => {
  const { sql } = gatehouse
  const rows = await sql`
    SELECT id FROM users WHERE true
      ${email === undefined ? sql`` : sql`AND position(${email} IN lower(email)) > 0`}
      ${role === undefined ? sql`` : sql`AND role = ${role}`}
      ${status === undefined ? sql`` : sql`AND status = ${status}`}
      ${mfaEnabled === undefined ? sql`` : sql`AND mfa_enabled = ${mfaEnabled}`}
    ORDER BY created_at DESC, id DESC LIMIT ${limit}`
  return rows.map(({ id }) => id)
}

describe('a page of users', () => {
  test('holds those who fit the filter, all of them and nobody else, the newest first', async () => {
    const sample = filters.filter((_filter, index) => index % 5 === 0)
    for (const filter of sample) {
      expect([filter, idsOf(await page({ first: 100, filter }))]).toEqual([filter, await expectedOf(filter, 100)])
    }
  })

  test('follows on the one before with no gap and no duplicate, also among users of one instant', async () => {
    const filter = { email: 'person1', status: 'PENDING' } as const
    const found: string[] = []
    let after: string | null = null
    do {
      const { edges, pageInfo }: UsersQuery['users'] = await page({ first: 7, after, filter })
      found.push(...edges.map(({ node }) => node.id))
      expect(edges.length).toBe(pageInfo.hasNextPage ? 7 : edges.length)
      after = pageInfo.hasNextPage ? (pageInfo.endCursor ?? null) : null
    } while (after)
    expect(found.length).toBeGreaterThan(100)
    expect(found).toEqual(await expectedOf(filter, 1_000))
  })

  test('is found by a part of the address in either case, of which no letter is a pattern', async () => {
    const [user] = (await page({ filter: { email: ' PERSON39999@Exam ' } })).edges
    expect(user?.node.email).toBe('Person39999@example.com')
    for (const email of ['person3999_', 'person%', '\\person', '___']) {
      expect(idsOf(await page({ filter: { email } }))).toEqual([])
    }
  })

  test.each([
    ['first', { first: 0 }],
    ['first', { first: 101 }],
    ['after', { after: 'not a cursor' }],
    ['after', { after: Buffer.from('1:no-id').toString('base64url') }],
    ['filter.email', { filter: { email: '' } }],
    ['filter.email', { filter: { email: ' ab ' } }],
    ['filter.email', { filter: { email: 'x'.repeat(255) } }],
  ])('refuses a bad %s by name: %j', async (path, variables) => {
    const { extensions } = await auditor.refused(UsersDocument, variables)
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path }] })
  })

  test('has 20 users where nobody says how many, and none of a filter of nulls is a restriction', async () => {
    const filter = { email: null, role: null, status: null, mfaEnabled: null }
    const all = await page({})
    expect([all.edges.length, all.pageInfo.hasNextPage]).toEqual([20, true])
    expect(idsOf(await page({ first: null, after: null, filter }))).toEqual(idsOf(all))
  })

  test('reads the second factors of a hundred users in two statements', async () => {
    for (const table of ['mfa_configurations', 'backup_codes']) {
      expect(await countStatements(gatehouse, table, () => page({ first: 100 }))).toBe(1)
    }
  })

  test('is found by an index, whoever fits: no filter reads the table, nor much of an index where few or none fit', async () => {
    const deep = { at: new Date('2026-01-07'), id: '00000000-0000-4000-8000-000000000000' }
    const far: [UserFilter, unknown, number][] = []
    for (const filter of filters) {
      for (const before of [null, deep]) {
        const { scanned, rows, blocks } = await plans.readingOf(
          (db) => createUserPageStore(db).page(filter, before, 21),
          'planned',
        )
        expect([filter, before, scanned]).toEqual([filter, before, []])
        if (rows > mostRows || blocks > mostBlocks) far.push([filter, before, blocks])
      }
    }
    // Where half of all fit one filter, and none of those the other, as with a domain that nobody has had since.
    expect(far.filter(([{ email }]) => email !== '@old.example')).toEqual([])
  })
})

describe('a single user', () => {
  test('is read by an administrator or auditor, with their second factors', async () => {
    const user = await gatehouse.createUser()
    await gatehouse.giveTotp(user)
    const expected = {
      id: user.id,
      email: user.email,
      role: 'USER',
      status: 'ACTIVE',
      mfa: { enabled: true, required: false, factors: [{ method: 'TOTP' }] },
    }
    const admin = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))
    for (const client of [admin, auditor]) {
      expect((await client.ask(UserDocument, { id: user.id })).user).toEqual(expected)
    }
  })

  test('is null where there is none, also for what is no id', async () => {
    for (const id of ['00000000-0000-4000-8000-000000000000', 'no id at all', '']) {
      expect(await auditor.ask(UserDocument, { id })).toEqual({ user: null })
    }
  })
})

describe('the sessions of a user', () => {
  test('are those that are live, the one that asks marked, the most recently active first', async () => {
    const user = await gatehouse.createUser({ role: 'AUDITOR' })
    const [first, second, ended] = await Promise.all([1, 2, 3].map(() => gatehouse.signedInAs(user)))
    const { sql } = gatehouse
    await sql`UPDATE user_sessions SET last_seen_at = now() - interval '30 seconds' WHERE id = ${first?.sessionId as string}`
    await sql`UPDATE user_sessions SET ended_at = now(), end_reason = 'SIGNED_OUT' WHERE id = ${ended?.sessionId as string}`
    const { userSessions } = await (first as Client).ask(UserSessionsDocument, { userId: user.id })
    expect(userSessions).toEqual([
      { id: second?.sessionId, current: false, endedAt: null },
      { id: first?.sessionId, current: true, endedAt: null },
    ])
  })

  test('are none of a user who is not signed in, and NOT_FOUND of nobody', async () => {
    const user = await gatehouse.createUser()
    expect(await auditor.ask(UserSessionsDocument, { userId: user.id })).toEqual({ userSessions: [] })
    for (const userId of ['00000000-0000-4000-8000-000000000000', 'no id at all']) {
      expect((await auditor.refused(UserSessionsDocument, { userId })).extensions).toEqual({ code: 'NOT_FOUND' })
    }
  })
})
