import { boolean, index, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import type { Role, UserStatus } from '../../accounts/account.ts'
import { instant } from './columns.ts'

export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    email: text('email').notNull(),
    /** The address in lower case: what is unique, and what sign-in looks up. */
    emailKey: text('email_key').notNull().unique(),
    displayName: text('display_name'),
    /** argon2id as a PHC string, or bcrypt from an older system; null until the address is confirmed. */
    passwordHash: text('password_hash'),
    /** Grows with every new password: a sign-in that proved an older one comes to nothing. */
    passwordVersion: integer('password_version').notNull().default(1),
    /** Whether a factor was put in force and not removed since: changed with the factors, under this row's lock. */
    mfaEnabled: boolean('mfa_enabled').notNull().default(false),
    role: text('role').$type<Role>().notNull(),
    status: text('status').$type<UserStatus>().notNull(),
    sessionTag: text('session_tag').notNull().unique(),
    /** Grows with every change, so that an older snapshot never replaces a newer one. */
    version: integer('version').notNull().default(1),
    emailConfirmedAt: instant('email_confirmed_at'),
    createdAt: instant('created_at').notNull(),
    lastLoginAt: instant('last_login_at'),
  },
  (table) => [
    // No indexed column changes at a sign-in. Statistics over role, status and mfa_enabled together say which of the two to take.
    index('users_newest').on(
      table.createdAt.desc(),
      table.id.desc(),
      table.role,
      table.status,
      table.mfaEnabled,
      table.emailKey,
    ),
    index('users_kind').on(
      table.role,
      table.status,
      table.mfaEnabled,
      table.createdAt.desc(),
      table.id.desc(),
      table.emailKey,
    ),
    index('users_email').using('gin', table.emailKey.op('gin_trgm_ops')).with({ fastupdate: false }),
  ],
)

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
  (table) => [index('email_confirmations_user').on(table.userId), index('email_confirmations_end').on(table.expiresAt)],
)

/** Requests to reset a password; those for unknown addresses too, which lead nowhere. */
export const passwordResets = pgTable(
  'password_resets',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id').references(() => users.id),
    tokenHash: text('token_hash').notNull().unique(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [index('password_resets_user').on(table.userId), index('password_resets_end').on(table.expiresAt)],
)

/** New addresses that wait for their mailbox to confirm them. */
export const emailChanges = pgTable(
  'email_changes',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    newEmail: text('new_email').notNull(),
    tokenHash: text('token_hash').notNull().unique(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [index('email_changes_user').on(table.userId), index('email_changes_end').on(table.expiresAt)],
)
