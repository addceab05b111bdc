import { sql } from 'drizzle-orm'
import { boolean, index, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import type { AuthenticationMethod, SessionEndReason, SessionTransport } from '../../sessions/session.ts'
import { users } from './accounts.ts'
import { instant } from './columns.ts'

export const userSessions = pgTable(
  'user_sessions',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    tokenHash: text('token_hash').notNull().unique(),
    createdAt: instant('created_at').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
    idleExpiresAt: instant('idle_expires_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    authenticationMethods: text('authentication_methods').array().$type<AuthenticationMethod[]>().notNull(),
    elevatedUntil: instant('elevated_until'),
    /** Whether a trusted device stood for the second factor. */
    trustedDevice: boolean('trusted_device').notNull().default(false),
    /** How its token travels: whatever renews it answers the same way. */
    transport: text('transport').$type<SessionTransport>().notNull().default('BEARER'),
    ipAddress: text('ip_address').notNull(),
    userAgent: text('user_agent').notNull(),
    endedAt: instant('ended_at'),
    endReason: text('end_reason').$type<SessionEndReason>(),
  },
  (table) => [
    // No indexed column changes while a session is in use, so that writing down its last use touches no index.
    index('user_sessions_user').on(table.userId),
    index('user_sessions_live').on(table.userId).where(sql`ended_at is null`),
    index('user_sessions_overdue').on(table.expiresAt).where(sql`ended_at is null`),
    index('user_sessions_ended').on(table.endedAt).where(sql`ended_at is not null`),
  ],
)

/** Tokens that `refreshSession` replaced: one used again is a copy in somebody else's hands. */
export const refreshedTokens = pgTable(
  'refreshed_tokens',
  {
    tokenHash: text('token_hash').primaryKey(),
    sessionId: uuid('session_id')
      .notNull()
      .references(() => userSessions.id, { onDelete: 'cascade' }),
    successorHash: text('successor_hash').notNull(),
    replacedAt: instant('replaced_at').notNull(),
  },
  (table) => [index('refreshed_tokens_session').on(table.sessionId)],
)

/** Sign-ins that are proved, and wait for their user to end a session before theirs begins. */
export const sessionTickets = pgTable(
  'session_tickets',
  {
    tokenHash: text('token_hash').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    proofs: text('proofs').array().$type<AuthenticationMethod[]>().notNull(),
    /** When the strongest that the user has was proved; null where less was. */
    freshProofAt: instant('fresh_proof_at'),
    /** Which of the account's passwords was proved: the ticket is void once there is a newer one. */
    passwordVersion: integer('password_version'),
    /** Whether the device is to be trusted once the session begins. */
    trustsDevice: boolean('trusts_device').notNull(),
    transport: text('transport').$type<SessionTransport>().notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [index('session_tickets_user').on(table.userId), index('session_tickets_end').on(table.expiresAt)],
)

/**
 * Token hashes that Redis may hold as live: written with the end, and kept for some minutes after Redis was told, for a
 * Redis that loses what it was told.
 */
export const endedTokens = pgTable(
  'ended_tokens',
  {
    tokenHash: text('token_hash').primaryKey(),
    sessionTag: text('session_tag').notNull(),
    /** Null: the token was replaced and its session goes on. */
    reason: text('reason').$type<SessionEndReason>(),
    endedAt: instant('ended_at').notNull(),
    /** Null until Redis was told. */
    toldAt: instant('told_at'),
  },
  (table) => [
    index('ended_tokens_untold').on(table.endedAt).where(sql`told_at is null`),
    index('ended_tokens_time').on(table.endedAt),
  ],
)
