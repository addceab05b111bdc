import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import type { Role, UserStatus } from '../accounts/account.ts'
import type { EventDetails, Outcome, SecurityEventType, Severity } from '../audit/security-event.ts'
import type { ChallengePurpose } from '../mfa/challenge.ts'
import type { FactorStatus, MfaMethod } from '../mfa/factor.ts'
import type { AuthenticationMethod, SessionEndReason } from '../sessions/session.ts'

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })

export const users = pgTable('users', {
  id: uuid('id').primaryKey(),
  email: text('email').notNull(),
  /** The address in lower case: what is unique, and what sign-in looks up. */
  emailKey: text('email_key').notNull().unique(),
  displayName: text('display_name'),
  /** argon2id, PHC string; null until the address is confirmed. */
  passwordHash: text('password_hash'),
  role: text('role').$type<Role>().notNull(),
  status: text('status').$type<UserStatus>().notNull(),
  sessionTag: text('session_tag').notNull().unique(),
  /** Grows with every change, so that an older snapshot never replaces a newer one. */
  version: integer('version').notNull().default(1),
  emailConfirmedAt: instant('email_confirmed_at'),
  createdAt: instant('created_at').notNull(),
  lastLoginAt: instant('last_login_at'),
})

/** One row a registration, with what it chose: only the mailbox's owner decides which of them counts. */
export const emailConfirmations = pgTable(
  'email_confirmations',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    tokenHash: text('token_hash').notNull().unique(),
    email: text('email').notNull(),
    passwordHash: text('password_hash').notNull(),
    displayName: text('display_name'),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [index('email_confirmations_user').on(table.userId)],
)

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
    ipAddress: text('ip_address').notNull(),
    userAgent: text('user_agent').notNull(),
    endedAt: instant('ended_at'),
    endReason: text('end_reason').$type<SessionEndReason>(),
  },
  (table) => [index('user_sessions_live').on(table.userId, table.lastSeenAt.desc()).where(sql`ended_at is null`)],
)

/** Token hashes that Redis may still hold as live: written with the end, deleted once Redis has been told. */
export const endedTokens = pgTable('ended_tokens', {
  tokenHash: text('token_hash').primaryKey(),
  sessionTag: text('session_tag').notNull(),
  /** Null: the token was replaced and its session goes on. */
  reason: text('reason').$type<SessionEndReason>(),
  endedAt: instant('ended_at').notNull(),
})

/** A row a factor. */
export const mfaConfigurations = pgTable(
  'mfa_configurations',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    method: text('method').$type<MfaMethod>().notNull(),
    label: text('label').notNull(),
    status: text('status').$type<FactorStatus>().notNull(),
    preferred: boolean('preferred').notNull().default(false),
    /** The TOTP seed in Base32, sealed and bound to user and factor. */
    sealedSecret: text('sealed_secret').notNull(),
    /** The newest TOTP time step accepted: only a later one is (RFC 6238 §5.2). */
    lastUsedStep: bigint('last_used_step', { mode: 'number' }),
    createdAt: instant('created_at').notNull(),
    activatedAt: instant('activated_at'),
    lastUsedAt: instant('last_used_at'),
  },
  (table) => [
    index('mfa_configurations_user').on(table.userId),
    uniqueIndex('mfa_configurations_preferred').on(table.userId).where(sql`preferred`),
    uniqueIndex('mfa_configurations_pending').on(table.userId).where(sql`status = 'PENDING'`),
  ],
)

export const backupCodes = pgTable(
  'backup_codes',
  {
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    /** The digit that a code begins with, so that checking one costs one hash. */
    slot: integer('slot').notNull(),
    codeHash: text('code_hash').notNull(),
    createdAt: instant('created_at').notNull(),
    usedAt: instant('used_at'),
  },
  (table) => [primaryKey({ columns: [table.userId, table.slot] })],
)

export const mfaChallenges = pgTable(
  'mfa_challenges',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    purpose: text('purpose').$type<ChallengePurpose>().notNull(),
    /** The session that asked, for every purpose but LOGIN: only it may answer. */
    sessionId: uuid('session_id').references(() => userSessions.id),
    /** The factor being enrolled, for ENROLMENT. */
    factorId: uuid('factor_id').references(() => mfaConfigurations.id, { onDelete: 'cascade' }),
    /** What was proved before this challenge. */
    proofs: text('proofs').array().$type<AuthenticationMethod[]>().notNull(),
    attempts: integer('attempts').notNull().default(0),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    consumedAt: instant('consumed_at'),
  },
  (table) => [index('mfa_challenges_user').on(table.userId), index('mfa_challenges_factor').on(table.factorId)],
)

/** Append-only: a trigger refuses every update and deletion. Holds no personal data, ids and a salted digest aside. */
export const securityEvents = pgTable(
  'security_events',
  {
    id: uuid('id').primaryKey(),
    type: text('type').$type<SecurityEventType>().notNull(),
    severity: text('severity').$type<Severity>().notNull(),
    outcome: text('outcome').$type<Outcome>().notNull(),
    occurredAt: instant('occurred_at').notNull(),
    userId: uuid('user_id'),
    actorId: uuid('actor_id'),
    sessionId: uuid('session_id'),
    /** SHA-256 over the companion row's salt and content: proves it unaltered, and nothing once it is erased. */
    personalDigest: text('personal_digest').notNull(),
  },
  (table) => [
    index('security_events_user').on(table.userId, table.occurredAt.desc(), table.id.desc()),
    index('security_events_time').on(table.occurredAt.desc(), table.id.desc()),
    index('security_events_type').on(table.type, table.occurredAt.desc(), table.id.desc()),
    index('security_events_session').on(table.sessionId, table.occurredAt.desc(), table.id.desc()),
  ],
)

/** What in an event identifies a person: erasable, where the event itself is not. */
export const securityEventPersonalData = pgTable(
  'security_event_personal_data',
  {
    eventId: uuid('event_id').primaryKey(),
    salt: text('salt').notNull(),
    ipAddress: text('ip_address'),
    userAgent: text('user_agent'),
    details: jsonb('details').$type<EventDetails>().notNull(),
  },
  (table) => [index('security_event_personal_data_ip').on(table.ipAddress)],
)

/** Mail waiting to go out, written with the change it tells of; the text is sealed, for it may hold a token. */
export const outgoingMessages = pgTable(
  'outgoing_messages',
  {
    id: uuid('id').primaryKey(),
    recipient: text('recipient').notNull(),
    subject: text('subject').notNull(),
    sealedText: text('sealed_text').notNull(),
    createdAt: instant('created_at').notNull(),
    dueAt: instant('due_at').notNull(),
    attempts: integer('attempts').notNull().default(0),
    sentAt: instant('sent_at'),
  },
  (table) => [index('outgoing_messages_due').on(table.dueAt).where(sql`sent_at is null`)],
)
