import { and, eq, gt, gte, inArray, isNotNull, isNull, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { attemptBudgets } from '../db/tables/budgets.ts'
import { secondsAfter } from '../lib/clock.ts'
import type { Budget, Claim } from './budget.ts'

export type BudgetStore = ReturnType<typeof createBudgetStore>

/**
 * The statement that claims one unit for each row of `claims` (subject, user_id), to stand in a WITH. It returns what is
 * used of those budgets that had a unit left, and nothing for the others. Concurrent claims take turns on the row.
 */
export const budgetClaim = (claims: SQL, { limit, windowSeconds }: Budget, now: SQL): SQL => sql`
  insert into ${attemptBudgets} as budget (subject, user_id, used, window_ends_at)
  select subject, user_id, 1, ${now} + make_interval(secs => ${windowSeconds}) from (${claims}) as claim
  ${takeUnit(sql`${limit}`, now)}
  returning used`

/** Takes a unit of the row that is there, or begins a new window: the end of an INSERT into attempt_budgets as budget. */
const takeUnit = (limit: SQL, now: SQL): SQL => sql`
  on conflict (subject) do update set
    used = case when budget.window_ends_at <= ${now} then 1 else budget.used + 1 end,
    window_ends_at = case when budget.window_ends_at <= ${now} then excluded.window_ends_at else budget.window_ends_at end,
    locked_at = case when budget.window_ends_at <= ${now} then null else budget.locked_at end
  where budget.window_ends_at <= ${now} or budget.used < ${limit}`

/** The statement that gives one unit back, to stand in a WITH. A locked budget keeps it: a right answer resets nothing. */
export const budgetRelease = (subject: string, condition: SQL = sql`true`): SQL => sql`
  update ${attemptBudgets} set used = used - 1
  where subject = ${subject} and used > 0 and locked_at is null and ${condition}`

/** Limits that must hold over all servers and after any crash. */
export const createBudgetStore = (db: Db) => {
  /** Gives one unit of each back. A locked budget keeps it. */
  const release = async (subjects: readonly string[]): Promise<void> => {
    if (subjects.length === 0) return
    // In the order in which they are claimed, so that the two never wait for each other.
    await db.execute(sql`
      with held as (
        select subject from ${attemptBudgets} where subject in ${[...subjects]} order by subject for update
      )
      update ${attemptBudgets} as budget set used = used - 1 from held
      where budget.subject = held.subject and used > 0 and locked_at is null`)
  }

  return {
    /**
     * Claims one unit of each and returns null; or, when one had no unit left, gives the others back and returns until
     * when. No transaction holds the rows meanwhile: others may be refused in that moment, and none gets too much.
     */
    async claimAll(claims: readonly Claim[], now: Date): Promise<Date | null> {
      const wanted = JSON.stringify(claims.map((claim) => ({ ...claim, ends: secondsAfter(now, claim.windowSeconds) })))
      const at = sql`${now.toISOString()}::timestamptz`
      const limitOf = sql`(
        select "limit" from jsonb_to_recordset(${wanted}::jsonb) as claim (subject text, "limit" integer)
        where claim.subject = budget.subject)`
      const rows = await db.execute<{ subject: string }>(sql`
      insert into ${attemptBudgets} as budget (subject, user_id, used, window_ends_at)
      select subject, "userId", 1, ends
      from jsonb_to_recordset(${wanted}::jsonb) as claim (subject text, "userId" uuid, ends timestamptz)
      order by subject
      ${takeUnit(limitOf, at)}
      returning subject`)
      if (rows.length === claims.length) return null
      const granted = new Set(rows.map(({ subject }) => subject))
      const refused = claims.map(({ subject }) => subject).filter((subject) => !granted.has(subject))
      await release([...granted])
      const { windowEndsAt } = attemptBudgets
      const ends = await db
        .select({ windowEndsAt })
        .from(attemptBudgets)
        .where(inArray(attemptBudgets.subject, refused))
      return ends.reduce((latest, row) => (row.windowEndsAt > latest ? row.windowEndsAt : latest), now)
    },

    release,

    /** Closes a budget that is used up until `until`: true for exactly one of any number of calls. */
    async lock(subject: string, { limit }: Budget, until: Date, now: Date): Promise<boolean> {
      const rows = await db
        .update(attemptBudgets)
        .set({ windowEndsAt: until, lockedAt: now })
        .where(
          and(
            eq(attemptBudgets.subject, subject),
            gte(attemptBudgets.used, limit),
            gt(attemptBudgets.windowEndsAt, now),
            isNull(attemptBudgets.lockedAt),
          ),
        )
        .returning({ subject: attemptBudgets.subject })
      return rows.length === 1
    },

    /** Until when a budget is locked; null when it is not. */
    async lockedUntil(subject: string, now: Date): Promise<Date | null> {
      const [row] = await db
        .select({ until: attemptBudgets.windowEndsAt })
        .from(attemptBudgets)
        .where(
          and(
            eq(attemptBudgets.subject, subject),
            isNotNull(attemptBudgets.lockedAt),
            gt(attemptBudgets.windowEndsAt, now),
          ),
        )
      return row?.until ?? null
    },

    /** Begins a budget anew, locked or not. */
    async forget(subject: string): Promise<void> {
      await db.delete(attemptBudgets).where(eq(attemptBudgets.subject, subject))
    },

    /** Opens every lock on a user's sign-in. True when one was closed. */
    async clear(userId: string, now: Date): Promise<boolean> {
      const rows = await db
        .delete(attemptBudgets)
        .where(eq(attemptBudgets.userId, userId))
        .returning({ lockedAt: attemptBudgets.lockedAt, windowEndsAt: attemptBudgets.windowEndsAt })
      return rows.some((row) => row.lockedAt !== null && row.windowEndsAt > now)
    },
  }
}
