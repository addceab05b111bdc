import { sql } from 'drizzle-orm'
import { index, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { instant } from './columns.ts'

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
