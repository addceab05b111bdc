import { index, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { users } from './accounts.ts'
import { instant } from './columns.ts'

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
