import { pgTable, uuid } from 'drizzle-orm/pg-core'
import { instant } from './columns.ts'

/** Each time that the database was put back to an earlier state. Servers add to it and read it, and no more. */
export const databaseRestores = pgTable('database_restores', {
  id: uuid('id').primaryKey(),
  restoredAt: instant('restored_at').notNull(),
})
