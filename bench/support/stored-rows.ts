import pLimit from 'p-limit'
import postgres from 'postgres'
import { createEventStore } from '../../src/audit/event-store.ts'
import { userSessions } from '../../src/db/tables/sessions.ts'
import { secondsAfter, systemClock } from '../../src/lib/clock.ts'
import { newId } from '../../src/lib/ids.ts'
import { fingerprint } from '../../src/lib/secret.ts'
import { createSessionStore } from '../../src/sessions/session-store.ts'
import type { Environment } from './report.ts'
import { addUsers, inChunks, withDatabase } from './seed.ts'
import { userAgents } from './stored-sessions.ts'

export interface StoredRows {
  /** Bytes a sign-in adds to a table, with its indexes. */
  readonly bytes: { readonly user: number; readonly session: number; readonly events: number }
  /** Bytes a session once its last use was written down one more time, before a vacuum. */
  readonly touchedBytes: number
  readonly touchesPerSecond: number
  /** How many of those writes touched no index, of 1. */
  readonly heapOnlyShare: number
}

const touchesAtOnce = 64

/** Writes users, each with one session and the events of its sign-in, to PostgreSQL, and then that each session was used. */
export const storeRows = async ({ databaseUrl, say }: Environment, count: number): Promise<StoredRows> => {
  const observer = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  const bytesOf = async (...tables: string[]): Promise<number> => {
    const [row] =
      await observer`select sum(pg_total_relation_size(name::regclass)) bytes from unnest(${tables}::text[]) name`
    return Number(row?.bytes) / count
  }
  const measure = async () => ({
    user: await bytesOf('users'),
    session: await bytesOf('user_sessions'),
    events: await bytesOf('security_events', 'security_event_personal_data'),
  })
  const updates = async () => {
    const [row] = await observer`
      select n_tup_upd as all, n_tup_hot_upd as heap_only from pg_stat_user_tables where relname = 'user_sessions'`
    return { all: Number(row?.all), heapOnly: Number(row?.heap_only) }
  }
  try {
    const [empty, updatedBefore] = [await measure(), await updates()]
    const accounts = await addUsers(databaseUrl, 'maria.schneider', count)
    const rows = accounts.map(({ id }, number) => newRow(id, number))
    await withDatabase(databaseUrl, async (db) => {
      await inChunks(rows, (chunk) => db.insert(userSessions).values(chunk))
      const events = createEventStore(db, systemClock)
      await inChunks(rows, (chunk) => events.append(...chunk.flatMap(signInReports)))
    })
    await observer`vacuum analyze user_sessions`
    const full = await measure()
    say('sizing: each of those sessions is used again …')
    const touchesPerSecond = await touchAll(databaseUrl, rows)
    const [touched, updatedAfter] = [await measure(), await updates()]
    return {
      bytes: {
        user: full.user - empty.user,
        session: full.session - empty.session,
        events: full.events - empty.events,
      },
      touchedBytes: touched.session - empty.session,
      touchesPerSecond,
      heapOnlyShare: (updatedAfter.heapOnly - updatedBefore.heapOnly) / (updatedAfter.all - updatedBefore.all),
    }
  } finally {
    await observer.end()
  }
}

/** Through the connections of one server. */
const touchAll = (databaseUrl: string, rows: readonly SessionRow[]): Promise<number> =>
  withDatabase(databaseUrl, async (db) => {
    const { touch } = createSessionStore(db)
    const turns = pLimit(touchesAtOnce)
    const at = secondsAfter(new Date(), 60)
    const deadlines = { lastSeenAt: at, idleExpiresAt: secondsAfter(at, 3_600) }
    const startedAt = performance.now()
    await Promise.all(rows.map(({ id }) => turns(() => touch(id, deadlines, at))))
    return (rows.length / (performance.now() - startedAt)) * 1000
  })

type SessionRow = typeof userSessions.$inferInsert

const newRow = (userId: string, number: number): SessionRow => {
  const [id, createdAt] = [newId(), new Date()]
  return {
    id,
    userId,
    tokenHash: fingerprint(id),
    createdAt,
    lastSeenAt: createdAt,
    idleExpiresAt: secondsAfter(createdAt, 3_600),
    expiresAt: secondsAfter(createdAt, 24 * 3_600),
    authenticationMethods: ['PASSWORD', 'TOTP'],
    elevatedUntil: secondsAfter(createdAt, 300),
    transport: 'BEARER',
    ipAddress: `203.0.${(number >> 8) & 255}.${number & 255}`,
    userAgent: userAgents[number % userAgents.length] as string,
  }
}

const signInReports = ({ id, userId, ipAddress, userAgent }: SessionRow) => {
  const about = { outcome: 'SUCCESS', userId, sessionId: id, client: { ipAddress, userAgent } } as const
  return [
    { ...about, type: 'LOGIN_SUCCEEDED', details: { methods: 'PASSWORD TOTP' } } as const,
    { ...about, type: 'SESSION_CREATED' } as const,
  ]
}
