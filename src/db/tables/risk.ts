import { doublePrecision, index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { users } from './accounts.ts'
import { instant } from './columns.ts'
import { userSessions } from './sessions.ts'

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
