import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { createClient as createRedisClient } from 'redis'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { createTransact } from '../../src/db/transact.ts'
import { newId } from '../../src/lib/ids.ts'
import { createLogger } from '../../src/lib/logger.ts'
import { createErasureCompletion } from '../../src/privacy/erasure-completion-service.ts'
import { createPurge } from '../../src/retention/purge-service.ts'
import { createRetentionStore } from '../../src/retention/retention-store.ts'
import { createOverdueSessions } from '../../src/sessions/session-expiry-service.ts'
import { createStores } from '../../src/stores.ts'
import { ListSessionsDocument, LoginDocument, MeDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { historyOf } from '../support/history.ts'

const minute = 60
const hour = 60 * minute
const day = 24 * hour

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
  await leaveDutyTo(gatehouse, newId()) // or this server would purge beside the tests
})
afterAll(() => gatehouse.close())

const leaveDutyTo = ({ sql }: Gatehouse, holder: string) =>
  sql`INSERT INTO task_leases VALUES ('purge duty', ${holder}, now() + interval '1 hour')`

/** ISO 8601, as Drizzle sets the connections to take it. */
const isoAgo = (seconds: number) => ago(seconds).toISOString()
const ago = (seconds: number) => new Date(gatehouse.now().getTime() - seconds * 1000)

/** A purge as a server or the command runs it, and the SQL that it sends. */
const purgeOn = ({ sql, keys, now }: Gatehouse, sessionRetentionDays = 30) => {
  const sent: { query: string; params: unknown[] }[] = []
  const db = drizzle(sql, { logger: { logQuery: (query, params) => sent.push({ query, params }) } })
  const transact = createTransact<ReturnType<typeof createStores>>(
    (work) => db.transaction((tx) => work(createStores(tx, keys, now))),
    createLogger('silent'),
  )
  const { sessions, erasures, erasedRows: rows } = createStores(db, keys, now)
  const purge = createPurge({
    retention: createRetentionStore(db),
    overdueSessions: createOverdueSessions({ transact, sessions, now }),
    erasures: createErasureCompletion({ erasures, rows, pause: async () => {}, now }),
    sessionRetentionDays,
    now,
  })
  /** Runs it to the end and returns how many there were of each kind. */
  const run = async () => {
    const counts: Record<string, number> = {}
    const isWhole = await purge.run({
      mayGoOn: async () => true,
      onDone(what, count) {
        counts[what] = (counts[what] ?? 0) + count
      },
      onProblem(_what, problem) {
        throw problem
      },
    })
    expect(isWhole).toBe(true)
    return counts
  }
  return { purge, run, sent }
}

/** Moves all of a session into the past. */
const age = (id: string, seconds: number) =>
  gatehouse.sql`UPDATE user_sessions SET created_at = created_at - ${seconds} * interval '1 s',
    last_seen_at = last_seen_at - ${seconds} * interval '1 s', expires_at = expires_at - ${seconds} * interval '1 s',
    idle_expires_at = idle_expires_at - ${seconds} * interval '1 s', ended_at = ended_at - ${seconds} * interval '1 s'
    WHERE id = ${id}`

/** Deletes all that Redis holds of a user's sessions. */
const forgetInRedis = async (sessionTag: string) => {
  const redis = createRedisClient({ url: inject('redisUrl') })
  await redis.connect()
  const keys = await redis.keys(`*{${sessionTag}}*`)
  expect(keys.length).toBeGreaterThan(0)
  await redis.del(keys)
  redis.destroy()
}

const recordOf = async (id: string) =>
  (await gatehouse.sql`SELECT end_reason, ended_at, idle_expires_at, expires_at FROM user_sessions WHERE id = ${id}`)[0]

describe('sessions past their absolute end that nobody asked about', () => {
  test('end in the record at their own deadline, with an event', async () => {
    const user = await gatehouse.createUser()
    const [idle, used, inUse] = [
      await gatehouse.signedInAs(user),
      await gatehouse.signedInAs(user),
      await gatehouse.signedInAs(user),
    ]
    await age(idle.sessionId, day + 1)
    await age(used.sessionId, day + 1)
    await gatehouse.sql`UPDATE user_sessions SET idle_expires_at = expires_at WHERE id = ${used.sessionId}`
    await age(inUse.sessionId, day - hour)
    await gatehouse.sql`UPDATE user_sessions SET idle_expires_at = expires_at WHERE id = ${inUse.sessionId}`

    await purgeOn(gatehouse).run()
    const [idleRecord, usedRecord] = [await recordOf(idle.sessionId), await recordOf(used.sessionId)]
    expect(idleRecord).toMatchObject({ end_reason: 'IDLE', ended_at: idleRecord?.idle_expires_at })
    expect(usedRecord).toMatchObject({ end_reason: 'EXPIRED', ended_at: usedRecord?.expires_at })
    expect(await recordOf(inUse.sessionId)).toMatchObject({ end_reason: null, ended_at: null })
    const events = (await historyOf(gatehouse, user)).filter(({ type }) => type === 'SESSION_EXPIRED')
    expect(events.map(({ sessionId, details }) => [sessionId, details.reason]).sort()).toEqual(
      [
        [idle.sessionId, 'IDLE'],
        [used.sessionId, 'EXPIRED'],
      ].sort(),
    )
    expect(events.every(({ occurredAt }) => new Date(occurredAt) > ago(minute))).toBe(true)
  })

  test('end once, with one event each, however many purge at once', async () => {
    const user = await gatehouse.createUser()
    await gatehouse.sql`
      INSERT INTO user_sessions (id, user_id, token_hash, created_at, last_seen_at, idle_expires_at, expires_at,
        authentication_methods, ip_address, user_agent)
      SELECT gen_random_uuid(), ${user.id}, 'raced ' || n, at, at, at, at, '{PASSWORD}', '127.0.0.1', ''
      FROM generate_series(1, 1500) AS n, (SELECT ${isoAgo(hour)}::timestamptz AS at) AS times`
    const connections = Array.from({ length: 10 }, () =>
      postgres(gatehouse.databaseUrl, { max: 1, onnotice: () => {} }),
    )
    await Promise.all(connections.map((sql) => sql`SELECT 1`))
    const counts = await Promise.all(connections.map((sql) => purgeOn({ ...gatehouse, sql }).run()))
    await Promise.all(connections.map((sql) => sql.end()))
    expect(counts.reduce((sum, count) => sum + (count['overdue sessions, ended'] ?? 0), 0)).toBe(1_500)
    const events = await gatehouse.sql`
      SELECT count(*)::int AS all, count(DISTINCT session_id)::int AS sessions FROM security_events
      WHERE user_id = ${user.id} AND type = 'SESSION_EXPIRED'`
    expect([...events]).toEqual([{ all: 1_500, sessions: 1_500 }])
  })

  test('are refused for the same reason before the purge and after it, and unknown once the record is gone', async () => {
    const server = await startGatehouse()
    try {
      const user = await server.createUser()
      const { email, password } = user
      const { login } = await server.anonymous.ask(LoginDocument, { input: { email, password } })
      if (login.__typename !== 'SignedIn') throw new Error('Not signed in')
      const session = server.clientWith(login.sessionToken)
      await session.ask(MeDocument, {})
      server.advanceClock(day + 1)
      await purgeOn(server).run()
      expect((await session.refused(MeDocument, {})).extensions).toEqual({ code: 'SESSION_ENDED', reason: 'IDLE' })
      expect((await historyOf(server, user)).filter(({ type }) => type === 'SESSION_EXPIRED')).toHaveLength(1)
      expect(await server.sql`SELECT 1 FROM ended_tokens`).toHaveLength(0)
      server.advanceClock(31 * day)
      await purgeOn(server).run()
      expect(await server.sql`SELECT 1 FROM user_sessions WHERE user_id = ${user.id}`).toHaveLength(0)
      expect((await session.refused(MeDocument, {})).extensions).toEqual({ code: 'UNAUTHENTICATED' })
      await forgetInRedis(user.sessionTag)
      expect((await session.refused(MeDocument, {})).extensions).toEqual({ code: 'UNAUTHENTICATED' })
    } finally {
      await server.close()
    }
  })
})

test('a session in use, however old its row, is untouched by a purge', async () => {
  const session = await gatehouse.signedInAs(await gatehouse.createUser())
  await age(session.sessionId, 40 * day)
  await gatehouse.sql`
    UPDATE user_sessions SET idle_expires_at = ${isoAgo(-hour)}, expires_at = ${isoAgo(-hour)} WHERE id = ${session.sessionId}`
  await session.ask(MeDocument, {})
  await purgeOn(gatehouse, 1).run()
  const { listSessions } = await session.ask(ListSessionsDocument, {})
  expect(listSessions).toMatchObject([{ current: true, endedAt: null }])
})

describe('what is kept how long', () => {
  let user: TestUser
  beforeAll(async () => {
    user = await gatehouse.createUser()
  })

  const uuid = (text: string) => `'${text}'::uuid`
  const someone = () => uuid(user.id)
  /** Inserts a row of each kind whose time counts from `at`, and names it. */
  const kinds: Record<string, { table: string; key: string; kept: number; columns: string; values: () => string }> = {
    'counts of tries': {
      table: 'attempt_budgets',
      key: 'subject',
      kept: 0,
      columns: 'used, window_ends_at',
      values: () => '1, AT',
    },
    'password resets': {
      table: 'password_resets',
      key: 'id',
      kept: 0,
      columns: 'token_hash, created_at, expires_at',
      values: () => `'${newId()}', AT, AT`,
    },
    'changes of address': {
      table: 'email_changes',
      key: 'id',
      kept: 0,
      columns: 'user_id, new_email, token_hash, created_at, expires_at',
      values: () => `${someone()}, 'a@b.c', '${newId()}', AT, AT`,
    },
    'tickets of sign-ins': {
      table: 'session_tickets',
      key: 'token_hash',
      kept: 0,
      columns: 'user_id, proofs, trusts_device, transport, created_at, expires_at',
      values: () => `${someone()}, '{PASSWORD}', false, 'BEARER', AT, AT`,
    },
    'ends that Redis was told of': {
      table: 'ended_tokens',
      key: 'token_hash',
      kept: 10 * minute,
      columns: 'session_tag, ended_at, told_at',
      values: () => "'x', AT, AT",
    },
    challenges: {
      table: 'mfa_challenges',
      key: 'id',
      kept: day,
      columns: 'user_id, purpose, proofs, created_at, expires_at',
      values: () => `${someone()}, 'LOGIN', '{PASSWORD}', AT, AT`,
    },
    'unfinished enrolments': {
      table: 'mfa_configurations',
      key: 'id',
      kept: day,
      columns: 'user_id, method, label, status, sealed_secret, created_at',
      values: () => `OWNER, 'TOTP', 'App', 'PENDING', 'x', AT`,
    },
    'unconfirmed registrations': {
      table: 'email_confirmations',
      key: 'id',
      kept: day,
      columns: 'user_id, token_hash, email, password_hash, created_at, expires_at',
      values: () => `${someone()}, '${newId()}', 'a@b.c', 'x', AT, AT`,
    },
    'sent messages': {
      table: 'outgoing_messages',
      key: 'id',
      kept: day,
      columns: 'recipient, subject, sealed_text, created_at, due_at, sent_at',
      values: () => `'a@b.c', 's', 'x', AT, AT, AT`,
    },
    'last messages that could not be sent': {
      table: 'outgoing_messages',
      key: 'id',
      kept: 3 * day,
      columns: 'recipient, subject, sealed_text, created_at, due_at, leaves_no_trace',
      values: () => `'a@b.c', 's', 'x', AT, '2100-01-01', true`,
    },
    'messages that could not be sent': {
      table: 'outgoing_messages',
      key: 'id',
      kept: 5 * day,
      columns: 'recipient, subject, sealed_text, created_at, due_at',
      values: () => `'a@b.c', 's', 'x', AT, '2100-01-01'`,
    },
    'trusted devices': {
      table: 'trusted_devices',
      key: 'id',
      kept: day,
      columns: 'user_id, tag, token_hash, label, user_agent, created_at, last_used_at, expires_at',
      values: () => `${someone()}, '${newId()}', 'x', 'x', 'x', AT, AT, AT`,
    },
    'known devices': {
      table: 'known_devices',
      key: 'network',
      kept: 90 * day,
      columns: 'user_id, label, first_seen_at, last_seen_at',
      values: () => `${someone()}, 'x', AT, AT`,
    },
    'known places': {
      table: 'known_places',
      key: 'country_code',
      kept: 90 * day,
      columns: 'user_id, first_seen_at, last_seen_at',
      values: () => `${someone()}, AT, AT`,
    },
    'ended sessions': {
      table: 'user_sessions',
      key: 'id',
      kept: 30 * day,
      columns:
        'user_id, token_hash, created_at, last_seen_at, idle_expires_at, expires_at, authentication_methods, ip_address, user_agent, ended_at, end_reason',
      values: () => `${someone()}, '${newId()}', AT, AT, AT, AT, '{PASSWORD}', '127.0.0.1', '', AT, 'SIGNED_OUT'`,
    },
  }
  const plant = async (kind: string, at: Date): Promise<string> => {
    const { table, key, columns, values } = kinds[kind] as (typeof kinds)[string]
    const id = newId()
    const owner = uuid((await gatehouse.createUser()).id) // has at most one pending factor
    const row = values().replaceAll('AT', `'${at.toISOString()}'::timestamptz`).replaceAll('OWNER', owner)
    await gatehouse.sql.unsafe(`INSERT INTO ${table} (${key}, ${columns}) VALUES ('${id}', ${row})`)
    return id
  }
  const isThere = async (kind: string, id: string) => {
    const { table, key } = kinds[kind] as (typeof kinds)[string]
    return (await gatehouse.sql.unsafe(`SELECT 1 FROM ${table} WHERE ${key} = '${id}'`)).length > 0
  }

  test('every kind that a purge deletes is tested, here or beside what it is of', async () => {
    const named = (await purgeOn(gatehouse).purge.count()).map(([what]) => what)
    const elsewhere = [
      'overdue sessions, ended',
      'erased accounts, finished',
      'keys of access tokens',
      'tokens of ended sessions',
    ]
    expect(named.filter((what) => !elsewhere.includes(what)).sort()).toEqual(Object.keys(kinds).sort())
  })

  test.each(Object.entries(kinds))(
    '%s: what is over for long enough goes, what is not stays',
    async (kind, { kept }) => {
      const [over, notYet] = [await plant(kind, ago(kept + minute)), await plant(kind, ago(kept - minute))]
      const { purge, run } = purgeOn(gatehouse)
      const counted = Object.fromEntries(await purge.count())[kind]
      expect([await isThere(kind, over), await isThere(kind, notYet)]).toEqual([true, true]) // counting deletes nothing
      expect((await run())[kind]).toBe(counted)
      expect([await isThere(kind, over), await isThere(kind, notYet)]).toEqual([false, true])
    },
  )

  test('sessions are kept for as long as SESSION_RETENTION_DAYS says, and what belongs to them goes along', async () => {
    const [id, kept] = [await plant('ended sessions', ago(8 * day)), await plant('ended sessions', ago(6 * day))]
    for (const session of [id, kept]) {
      await gatehouse.sql`INSERT INTO refreshed_tokens VALUES (${newId()}, ${session}, 'x', ${isoAgo(8 * day)})`
      await gatehouse.sql`
        INSERT INTO mfa_challenges (id, user_id, session_id, purpose, proofs, created_at, expires_at)
        VALUES (${newId()}, ${user.id}, ${session}, 'STEP_UP', '{}', ${isoAgo(hour)}, ${isoAgo(0)})`
    }
    await purgeOn(gatehouse, 7).run()
    expect([await isThere('ended sessions', id), await isThere('ended sessions', kept)]).toEqual([false, true])
    const left = await gatehouse.sql`
      SELECT session_id FROM refreshed_tokens UNION ALL SELECT session_id FROM mfa_challenges WHERE session_id IS NOT NULL`
    expect(left.map(({ session_id }) => session_id)).toEqual([kept, kept])
  })

  test('what a transaction holds is left for the next time, and nobody waits for it', async () => {
    const id = await plant('challenges', ago(2 * day))
    await gatehouse.sql.begin(async (tx) => {
      await tx`SELECT 1 FROM mfa_challenges WHERE id = ${id} FOR UPDATE`
      const asked = performance.now()
      expect((await purgeOn(gatehouse).run()).challenges).toBe(0)
      expect(performance.now() - asked).toBeLessThan(5_000)
    })
    expect((await purgeOn(gatehouse).run()).challenges).toBe(1)
  })

  test('every statement finds its rows by an index', async () => {
    for (const kind of Object.keys(kinds)) await plant(kind, ago(100 * day))
    const { purge, run, sent } = purgeOn(gatehouse)
    await purge.count()
    await run()
    const statements = sent.filter(({ query }) => / limit /.test(query) && !query.includes('signing_keys'))
    expect(statements.length).toBeGreaterThanOrEqual(2 * (Object.keys(kinds).length + 1))
    await gatehouse.sql.begin(async (tx) => {
      await tx`SET LOCAL enable_seqscan = off` // the tables of a test are too small for an index to pay
      for (const { query, params } of statements) {
        const plan = (await tx.unsafe(`EXPLAIN ${query}`, params as never[])).map((row) => row['QUERY PLAN']).join('\n')
        expect(plan).toMatch(/Index (Only )?Scan|Bitmap Index Scan/)
        expect(plan).not.toMatch(/Seq Scan/)
      }
    })
  })
})

test('20,000 rows of one user go in statements that take less than a second, while the user signs in and works', async () => {
  const user = await gatehouse.createUser()
  const { email, password } = user
  const rows = 20_000
  await gatehouse.sql`
    INSERT INTO user_sessions (id, user_id, token_hash, created_at, last_seen_at, idle_expires_at, expires_at,
      authentication_methods, ip_address, user_agent, ended_at, end_reason)
    SELECT gen_random_uuid(), ${user.id}, 'many ' || n, ${isoAgo(41 * day)}, ${isoAgo(41 * day)}, ${isoAgo(40 * day)}, ${isoAgo(40 * day)},
      '{PASSWORD}', '127.0.0.1', '', CASE WHEN n % 4 > 0 THEN ${isoAgo(40 * day)}::timestamptz END,
      CASE WHEN n % 4 > 0 THEN 'SIGNED_OUT' END
    FROM generate_series(1, ${rows}::integer) AS n`
  await gatehouse.sql`
    INSERT INTO refreshed_tokens
    SELECT 'old ' || id, id, 'x', ended_at FROM user_sessions WHERE token_hash LIKE 'many %' AND ended_at IS NOT NULL`
  await gatehouse.sql`
    INSERT INTO attempt_budgets SELECT 'many ' || n, ${user.id}, 1, ${isoAgo(1)} FROM generate_series(1, ${rows}::integer) AS n`

  let isDone = false
  let slowest = 0
  const work = async () => {
    let calls = 0
    for (; !isDone || calls === 0; calls++) {
      const began = performance.now()
      const { login } = await gatehouse.anonymous.ask(LoginDocument, { input: { email, password } })
      if (login.__typename !== 'SignedIn') throw new Error('Not signed in')
      await gatehouse.clientWith(login.sessionToken).ask(MeDocument, {})
      slowest = Math.max(slowest, performance.now() - began)
    }
    return calls
  }
  let longestStatement = 0
  const { purge } = purgeOn(gatehouse)
  const purging = async () => {
    let lastAt = performance.now()
    const counts: Record<string, number> = {}
    await purge.run({
      mayGoOn: async () => {
        lastAt = performance.now()
        return true
      },
      onDone(what, count) {
        longestStatement = Math.max(longestStatement, performance.now() - lastAt)
        counts[what] = (counts[what] ?? 0) + count
      },
      onProblem(_what, problem) {
        throw problem
      },
    })
    isDone = true
    return counts
  }
  const [counts, calls] = await Promise.all([purging(), work()])
  console.info(
    `purged beside ${calls} sign-ins: longest statement ${longestStatement.toFixed()} ms, slowest sign-in and check ${slowest.toFixed()} ms`,
  )
  expect(counts['overdue sessions, ended']).toBe(rows / 4)
  expect(counts['ended sessions']).toBeGreaterThanOrEqual(rows)
  expect(counts['counts of tries']).toBeGreaterThanOrEqual(rows)
  expect(longestStatement).toBeLessThan(1_000)
  expect(slowest).toBeLessThan(2_000)
})

test('no statement deletes more than a thousand rows, however many tokens the sessions had', async () => {
  const { id: userId } = await gatehouse.createUser()
  const sessions = [newId(), newId(), newId()]
  for (const id of sessions) {
    await gatehouse.sql`
      INSERT INTO user_sessions (id, user_id, token_hash, created_at, last_seen_at, idle_expires_at, expires_at,
        authentication_methods, ip_address, user_agent, ended_at, end_reason)
      SELECT ${id}, ${userId}, ${id}, at, at, at, at, '{PASSWORD}', '127.0.0.1', '', at, 'SIGNED_OUT'
      FROM (SELECT ${isoAgo(31 * day)}::timestamptz AS at) AS times`
    await gatehouse.sql`
      INSERT INTO refreshed_tokens SELECT ${id} || n, ${id}, 'x', ${isoAgo(31 * day)} FROM generate_series(1, 2000) AS n`
  }
  await gatehouse.sql.unsafe(`
    CREATE TABLE deletions (statement xid8, rows bigint);
    CREATE FUNCTION note_deletions() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO deletions SELECT pg_current_xact_id(), count(*) FROM gone; RETURN NULL; END $$;
    CREATE TRIGGER note_deletions AFTER DELETE ON refreshed_tokens
      REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note_deletions()`)
  try {
    const { purge, run } = purgeOn(gatehouse)
    const counted = Object.fromEntries(await purge.count())
    const purged = await run()
    const statements = await gatehouse.sql`SELECT sum(rows)::int AS rows FROM deletions GROUP BY statement`
    expect(statements.reduce((sum, { rows }) => sum + rows, 0)).toBe(6_000) // those that a cascade deletes too
    expect(Math.max(...statements.map(({ rows }) => rows))).toBe(1_000)
    for (const counts of [counted, purged]) {
      expect(counts).toMatchObject({ 'tokens of ended sessions': 6_000, 'ended sessions': 3 })
    }
    expect(await gatehouse.sql`SELECT 1 FROM user_sessions WHERE id IN ${gatehouse.sql(sessions)}`).toHaveLength(0)
  } finally {
    await gatehouse.sql.unsafe(
      'DROP TRIGGER note_deletions ON refreshed_tokens; DROP FUNCTION note_deletions; DROP TABLE deletions',
    )
  }
})

test('servers purge by themselves, one of them', async () => {
  const first = await startGatehouse()
  const second = await startGatehouse({ databaseUrl: first.databaseUrl })
  try {
    const { sessionId } = await first.signedInAs(await first.createUser())
    const deadline = new Date(Date.now() - 1).toISOString()
    await first.sql`UPDATE user_sessions SET idle_expires_at = ${deadline}, expires_at = ${deadline}`
    await eventually(async () => {
      const [session] = await first.sql`SELECT end_reason FROM user_sessions WHERE id = ${sessionId}`
      return session?.end_reason === 'EXPIRED'
    })
    expect(await first.sql`SELECT 1 FROM task_leases WHERE task = 'purge duty'`).toHaveLength(1)
  } finally {
    await second.close()
    await first.close()
  }
})
