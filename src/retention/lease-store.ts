import { and, eq, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { taskLeases } from '../db/tables/retention.ts'

export type LeaseStore = ReturnType<typeof createLeaseStore>

/**
 * Who does what only one at a time should do. The clock is PostgreSQL's: servers' own may differ, and one that is fast would
 * take what another holds.
 */
export const createLeaseStore = (db: Db) => ({
  /** Takes a task that nobody holds, or renews one's own, for so many seconds. Of any number of claims at once one wins. */
  async claim(task: string, holder: string, seconds: number): Promise<boolean> {
    const rows = await db.execute(sql`
      insert into ${taskLeases} (task, holder, held_until)
      values (${task}, ${holder}, clock_timestamp() + ${seconds} * interval '1 second')
      on conflict (task) do update set holder = excluded.holder, held_until = excluded.held_until
      where ${taskLeases.heldUntil} <= clock_timestamp() or ${taskLeases.holder} = excluded.holder
      returning 1`)
    return rows.length > 0
  },

  /** Lets others have a task; does nothing where someone else holds it. */
  async giveUp(task: string, holder: string): Promise<void> {
    await db.delete(taskLeases).where(and(eq(taskLeases.task, task), eq(taskLeases.holder, holder)))
  },
})
