import { pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { instant } from './columns.ts'

/** Which server does what only one at a time should do. */
export const taskLeases = pgTable('task_leases', {
  task: text('task').primaryKey(),
  holder: uuid('holder').notNull(),
  heldUntil: instant('held_until').notNull(),
})
