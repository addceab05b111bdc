import { sql } from 'drizzle-orm'
import { bigint, date, index, integer, jsonb, pgTable, primaryKey, smallint, text, uuid } from 'drizzle-orm/pg-core'
import type { EventDetails, Outcome, SecurityEventType, Severity } from '../../audit/security-event.ts'
import { bytes, instant } from './columns.ts'

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
