import { sql } from 'drizzle-orm'
import { bigint, boolean, index, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import type { Role } from '../../accounts/account.ts'
import type { ChallengePurpose } from '../../mfa/challenge.ts'
import type { FactorStatus, MfaMethod } from '../../mfa/factor.ts'
import type { MfaRequirement } from '../../mfa/policy.ts'
import type { AuthenticationMethod, SessionTransport } from '../../sessions/session.ts'
import { users } from './accounts.ts'
import { instant } from './columns.ts'
import { userSessions } from './sessions.ts'

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
    /** The TOTP seed in Base32 or the phone number in E.164, sealed and bound to user and factor. */
    sealedSecret: text('sealed_secret').notNull(),
    /** The phone number with all but its last digits hidden. */
    maskedPhoneNumber: text('masked_phone_number'),
    /** Wrong codes since the last right one; at a hundred the factor is DISABLED (NIST SP 800-63B-4 §3.2.2). */
    failuresInRow: integer('failures_in_row').notNull().default(0),
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
    sessionId: uuid('session_id').references(() => userSessions.id, { onDelete: 'cascade' }),
    /** The factor being enrolled, for ENROLMENT. */
    factorId: uuid('factor_id').references(() => mfaConfigurations.id, { onDelete: 'cascade' }),
    /** What was proved before this challenge. */
    proofs: text('proofs').array().$type<AuthenticationMethod[]>().notNull(),
    /** How the token of the session that a LOGIN opens is to travel. */
    transport: text('transport').$type<SessionTransport>().notNull().default('BEARER'),
    attempts: integer('attempts').notNull().default(0),
    /** Which of the account's passwords was proved before: a LOGIN comes to nothing once there is a newer one. */
    passwordVersion: integer('password_version'),
    /** The password that a PASSWORD_RESET sets once it is answered, as its hash. */
    passwordHash: text('password_hash'),
    /** The last text message: to which factor, when, its code as a keyed digest, and how many there were. */
    smsFactorId: uuid('sms_factor_id').references(() => mfaConfigurations.id, { onDelete: 'set null' }),
    smsSentAt: instant('sms_sent_at'),
    /** When a message was last about to be sent: one at a time, with a pause between. */
    smsClaimedAt: instant('sms_claimed_at'),
    smsCodeDigest: text('sms_code_digest'),
    smsSends: integer('sms_sends').notNull().default(0),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    consumedAt: instant('consumed_at'),
  },
  (table) => [
    index('mfa_challenges_user').on(table.userId),
    index('mfa_challenges_factor').on(table.factorId),
    index('mfa_challenges_sms_factor').on(table.smsFactorId),
    index('mfa_challenges_end').on(table.expiresAt),
    index('mfa_challenges_session').on(table.sessionId),
  ],
)

/** What each role must have. A role without a row may do without. */
export const mfaPolicies = pgTable('mfa_policies', {
  role: text('role').$type<Role>().primaryKey(),
  requirement: text('requirement').$type<MfaRequirement>().notNull(),
  graceDays: integer('grace_days').notNull(),
  /** Since when it is REQUIRED without a break: the days of grace count from here. */
  requiredSince: instant('required_since'),
  updatedAt: instant('updated_at').notNull(),
})
