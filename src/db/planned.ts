import { sql } from 'drizzle-orm'
import type { Db } from './client.ts'

/** Runs a read in a transaction in which every statement is planned for its own values, without parallel workers. */
export type ReadPlanned<Stores> = <T>(read: (stores: Stores) => Promise<T>) => Promise<T>

/**
 * For reads whose best plan depends on what is asked for: a statement that is prepared keeps one plan for every value, which is
 * bad for some of them. Workers take longer to start than a page to read.
 */
export const createReadPlanned =
  <Stores>(db: Db, storesOver: (tx: Db) => Stores): ReadPlanned<Stores> =>
  (read) =>
    db.transaction(async (tx) => {
      await tx.execute(sql`
        select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('max_parallel_workers_per_gather', '0', true)`)
      return read(storesOver(tx))
    })
