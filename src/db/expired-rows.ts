import { type SQL, sql } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import type { Db } from './client.ts'

/** How many rows a statement deletes. */
export const batchSize = 1_000 // well inside a statement's deadline, and no lock is held for long
/** Counting stops here: counting millions would outlast a statement's deadline. */
export const mostCounted = 100_000

/** Rows of a table that have no purpose left, as of an instant. */
export interface ExpiredRows {
  /** Deletes some in one statement and returns how many; rows that someone holds are left for the next time. */
  deleteSome(before: Date): Promise<number>
  /** How many there are, up to one more than `mostCounted`. */
  count(before: Date): Promise<number>
}

type Condition = (before: Date) => SQL | undefined

/**
 * The rows of `table` that `condition` holds for. An index must find them: they are looked for all the time. `counted` holds
 * for all of them where `condition` is for a batch only.
 */
export const expiredRows = (db: Db, table: PgTable, condition: Condition, counted = condition): ExpiredRows => ({
  async deleteSome(before) {
    const [row] = await db.execute<{ found: number }>(sql`
      with batch as (select ctid from ${table} where ${condition(before)} limit ${batchSize} for update skip locked),
      deleted as (delete from ${table} where ctid in (select ctid from batch) returning 1)
      select count(*)::integer as found from deleted`)
    return row?.found ?? 0
  },
  async count(before) {
    const [row] = await db.execute<{ found: number }>(sql`
      select count(*)::integer as found from (select 1 from ${table} where ${counted(before)} limit ${mostCounted + 1}) as over`)
    return row?.found ?? 0
  },
})
