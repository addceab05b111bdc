import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  customType,
  date,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import type { Role, UserStatus } from '../accounts/account.ts'
import type { EventDetails, Outcome, SecurityEventType, Severity } from '../audit/security-event.ts'
import type { Channel } from '../messaging/message.ts'
import type { ChallengePurpose } from '../mfa/challenge.ts'
import type { FactorStatus, MfaMethod } from '../mfa/factor.ts'
import type { MfaRequirement } from '../mfa/policy.ts'
import type { AuthenticationMethod, SessionEndReason, SessionTransport } from '../sessions/session.ts'

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })
const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

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

/** Keys that access tokens are signed with; the private half is sealed. */
export const signingKeys = pgTable('signing_keys', {
  id: text('id').primaryKey(),
  /** One more than that of the key before it: unique, so that of two servers that make the next key one does. */
  generation: integer('generation').notNull().unique(),
  /** Raw Ed25519 public key, base64url (RFC 8037 `x`). */
  publicKey: text('public_key').notNull(),
  /** PKCS #8, base64, sealed and bound to the id. */
  sealedPrivateKey: text('sealed_private_key').notNull(),
  createdAt: instant('created_at').notNull(),
  /** Later than its creation, so that whoever caches the public keys knows it by then. */
  signsFrom: instant('signs_from').notNull(),
  /** From then on nothing it signed counts, and it is published no more. */
  revokedAt: instant('revoked_at'),
})

/** Which server does what only one at a time should do. */
export const taskLeases = pgTable('task_leases', {
  task: text('task').primaryKey(),
  holder: uuid('holder').notNull(),
  heldUntil: instant('held_until').notNull(),
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

/** Devices that may sign in without the second factor. Their token is replaced with every use. */
export const trustedDevices = pgTable(
  'trusted_devices',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    /** Stands in every token of the device, so that an older one is recognised as a copy. */
    tag: text('tag').notNull().unique(),
    tokenHash: text('token_hash').notNull(),
    /** What the device calls itself: the trust holds for no other. */
    label: text('label').notNull(),
    userAgent: text('user_agent').notNull(),
    createdAt: instant('created_at').notNull(),
    lastUsedAt: instant('last_used_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    revokedAt: instant('revoked_at'),
  },
  (table) => [index('trusted_devices_owner').on(table.userId), index('trusted_devices_end').on(table.expiresAt)],
)

/** Stands in `known_devices` for a kind of device wherever it is: its unique row decides which sign-in was the first. */
export const anyNetwork = '*'

/** Where a user signed in before: a kind of device in a network. */
export const knownDevices = pgTable(
  'known_devices',
  {
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    label: text('label').notNull(),
    /** An IPv4 address, or the first 64 bits of an IPv6 address. */
    network: text('network').notNull(),
    firstSeenAt: instant('first_seen_at').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.label, table.network] }),
    index('known_devices_seen').on(table.lastSeenAt),
  ],
)

/** How much of a limit is used up. What must not be exceeded, however many servers and tries, is claimed here before. */
export const attemptBudgets = pgTable(
  'attempt_budgets',
  {
    subject: text('subject').primaryKey(),
    /** Whose sign-in it limits; null for an unknown address, and where it limits no person. Checked by no foreign key, whose
     *  lock on the user would be one more to wait for. */
    userId: uuid('user_id'),
    used: integer('used').notNull(),
    windowEndsAt: instant('window_ends_at').notNull(),
    /** When the failure that used it up was recorded: once a lock. */
    lockedAt: instant('locked_at'),
  },
  (table) => [
    index('attempt_budgets_user').on(table.userId),
    index('attempt_budgets_end').on(table.windowEndsAt),
    index('attempt_budgets_locked').on(table.windowEndsAt).where(sql`locked_at is not null`),
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

/**
 * Append-only: the application's role may add to it and read it, and a trigger refuses every update and deletion. Holds no
 * personal data, ids and a salted digest aside. Partitioned by the month of the id, as is its companion.
 */
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
    index('security_events_owner').on(
      table.userId,
      table.occurredAt.desc(),
      table.id.desc(),
      table.type,
      table.outcome,
      table.severity,
    ),
    index('security_events_actor')
      .on(table.actorId, table.occurredAt.desc(), table.id.desc())
      .where(sql`actor_id is not null`),
    index('security_events_time').on(table.occurredAt.desc(), table.id.desc()),
    index('security_events_kind').on(
      table.type,
      table.outcome,
      table.severity,
      table.occurredAt.desc(),
      table.id.desc(),
    ),
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

/** The outbox: events that are committed and have no link yet, in the order in which they were written. */
export const unsealedSecurityEvents = pgTable('unsealed_security_events', {
  ordinal: bigint('ordinal', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  eventId: uuid('event_id').notNull(),
  /** What the event counts under in `security_event_counts` once it is sealed. */
  eventHour: instant('event_hour'),
  eventType: text('event_type').$type<SecurityEventType>(),
})

/**
 * How many sealed events of a type happened in an hour of UTC: kept by a trigger of the outbox, in the statement that seals, also
 * of months that were dropped. Derived from the log, and not bound by the chain.
 */
export const securityEventCounts = pgTable(
  'security_event_counts',
  {
    hour: instant('hour').notNull(),
    type: text('type').$type<SecurityEventType>().notNull(),
    count: bigint('count', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.hour, table.type] })],
)

/** The chain: a link an event, in the order of sealing, kept for ever. Append-only. */
export const auditLinks = pgTable('audit_links', {
  sequence: bigint('sequence', { mode: 'number' }).primaryKey(),
  eventId: uuid('event_id').notNull().unique(),
  /** SHA-256 over the event. */
  digest: bytes('digest').notNull(),
  /** SHA-256 over the hash before it, the sequence and the digest. */
  hash: bytes('hash').notNull(),
})

const signedHead = {
  hash: bytes('hash').notNull(),
  sealedAt: instant('sealed_at').notNull(),
  /** The audit key that signed it; empty before the first sealing. */
  keyId: text('key_id').notNull(),
  /** Ed25519 over sequence, hash and time. */
  signature: bytes('signature').notNull(),
}

/** One row: the newest link, signed. Whoever moves it on seals. */
export const auditHead = pgTable('audit_head', {
  id: smallint('id').primaryKey(),
  sequence: bigint('sequence', { mode: 'number' }).notNull(),
  ...signedHead,
})

/** Heads of now and then, kept. Append-only. */
export const auditCheckpoints = pgTable('audit_checkpoints', {
  sequence: bigint('sequence', { mode: 'number' }).primaryKey(),
  ...signedHead,
})

/** Months of events that were written to files, so that their partitions may go. Append-only. */
export const auditArchives = pgTable('audit_archives', {
  month: date('month', { mode: 'string' }).primaryKey(),
  events: bigint('events', { mode: 'number' }).notNull(),
  firstSequence: bigint('first_sequence', { mode: 'number' }).notNull(),
  lastSequence: bigint('last_sequence', { mode: 'number' }).notNull(),
  file: text('file').notNull(),
  /** SHA-256 of the file. */
  fileDigest: bytes('file_digest').notNull(),
  archivedAt: instant('archived_at').notNull(),
  keyId: text('key_id').notNull(),
  /** Ed25519 over all of the above. */
  signature: bytes('signature').notNull(),
})

/** Each time that the database was put back to an earlier state. Servers add to it and read it, and no more. */
export const databaseRestores = pgTable('database_restores', {
  id: uuid('id').primaryKey(),
  restoredAt: instant('restored_at').notNull(),
})

/** Refusals of one kind that are counted until their window ends: the first was recorded, the rest become one event. */
export const repeatedRefusals = pgTable(
  'repeated_refusals',
  {
    subject: text('subject').primaryKey(),
    /** The event that all of them would have been. */
    report: jsonb('report').notNull(),
    repeats: integer('repeats').notNull(),
    windowEndsAt: instant('window_ends_at').notNull(),
  },
  (table) => [index('repeated_refusals_end').on(table.windowEndsAt)],
)

/** Countries that a user signed in from, and where in them and when the last time. */
export const knownPlaces = pgTable(
  'known_places',
  {
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    countryCode: text('country_code').notNull(),
    latitude: doublePrecision('latitude'),
    longitude: doublePrecision('longitude'),
    firstSeenAt: instant('first_seen_at').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.countryCode] }),
    index('known_places_seen').on(table.lastSeenAt),
  ],
)

/** Networks and kinds of devices that a session showed up from after it began: its unique row decides which time was the first. */
export const sessionContexts = pgTable(
  'session_contexts',
  {
    sessionId: uuid('session_id')
      .notNull()
      .references(() => userSessions.id, { onDelete: 'cascade' }),
    network: text('network').notNull(),
    label: text('label').notNull(),
    firstSeenAt: instant('first_seen_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.sessionId, table.network, table.label] })],
)

/** Mail waiting to go out, written with the change it tells of; the text is sealed, for it may hold a token. In development
 *  text messages too, to be shown. */
export const outgoingMessages = pgTable(
  'outgoing_messages',
  {
    id: uuid('id').primaryKey(),
    channel: text('channel').$type<Channel>().notNull().default('EMAIL'),
    recipient: text('recipient').notNull(),
    subject: text('subject').notNull(),
    sealedText: text('sealed_text').notNull(),
    createdAt: instant('created_at').notNull(),
    dueAt: instant('due_at').notNull(),
    attempts: integer('attempts').notNull().default(0),
    sentAt: instant('sent_at'),
    /** Whose it is, where it goes to an address that is not theirs yet, or is no more. */
    userId: uuid('user_id'),
    /** Whether nothing of it may stay once it is sent: whom it goes to is no user any more. */
    leavesNoTrace: boolean('leaves_no_trace').notNull().default(false),
  },
  (table) => [
    index('outgoing_messages_recipient').on(sql`lower(${table.recipient})`),
    index('outgoing_messages_user').on(table.userId).where(sql`user_id is not null`),
    index('outgoing_messages_traceless').on(table.createdAt).where(sql`leaves_no_trace`),
    index('outgoing_messages_due').on(table.dueAt).where(sql`sent_at is null`),
    index('outgoing_messages_sent').on(table.sentAt).where(sql`sent_at is not null`),
  ],
)

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
