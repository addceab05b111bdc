import { type SQL, sql } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import type { Db } from './client.ts'

const batchSize = 1_000 // well inside a statement's deadline, and no lock is held for long

/** Deletes the rows that `condition` holds for, a batch a statement; rows that someone holds are left for the next time. */
export const deleteInBatches = async (db: Db, table: PgTable, condition: SQL | undefined): Promise<void> => {
  for (;;) {
    const [row] = await db.execute<{ gone: number }>(sql`
      with batch as (select ctid from ${table} where ${condition} limit ${batchSize} for update skip locked),
      deleted as (delete from ${table} where ctid in (select ctid from batch) returning 1)
      select count(*)::integer as gone from deleted`)
    if (!row || row.gone < batchSize) return
  }
}
