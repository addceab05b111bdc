import { sql } from 'drizzle-orm'
import { bigint, boolean, index, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import type { Severity } from '../../audit/security-event.ts'
import { users } from './accounts.ts'
import { instant } from './columns.ts'

/** What users agreed to, and to what no more. Append-only while the account lasts: the newest decision on a purpose counts. */
export const consents = pgTable(
  'consents',
  {
    /** Their order. It is PostgreSQL's: the clocks of servers may differ. */
    ordinal: bigint('ordinal', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    purpose: text('purpose').notNull(),
    version: text('version').notNull(),
    granted: boolean('granted').notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (table) => [index('consents_user').on(table.userId, table.purpose, table.ordinal.desc())],
)

/**
 * Accounts that were erased. With it stands all that its event holds, so that the event's link proves the erasure also once
 * the event was archived. Kept for ever.
 */
export const erasures = pgTable(
  'erasures',
  {
    userId: uuid('user_id')
      .primaryKey()
      .references(() => users.id),
    eventId: uuid('event_id').notNull(),
    severity: text('severity').$type<Severity>().notNull(),
    erasedAt: instant('erased_at').notNull(),
    actorId: uuid('actor_id'),
    sessionId: uuid('session_id'),
    personalDigest: text('personal_digest').notNull(),
    /** When nothing of the person was left in the database; null while something may be. */
    finishedAt: instant('finished_at'),
    /** When the archived months were gone through; null until then. */
    archivesDoneAt: instant('archives_done_at'),
  },
  (table) => [
    index('erasures_time').on(table.erasedAt, table.userId),
    index('erasures_unfinished').on(table.erasedAt).where(sql`finished_at is null`),
    index('erasures_archived').on(table.erasedAt).where(sql`archives_done_at is null`),
  ],
)
