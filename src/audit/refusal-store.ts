import { sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { repeatedRefusals } from '../db/tables/audit.ts'
import { erasures } from '../db/tables/privacy.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { eventInsertion } from './event-store.ts'
import { type RefusalCount, refusalWindowSeconds } from './refusal.ts'
import type { EventReport } from './security-event.ts'

export type RefusalStore = ReturnType<typeof createRefusalStore>

/** Refusals that are counted until their window ends; of erased users without what identifies them. */
export const createRefusalStore = (db: Db, now: Clock) => ({
  /**
   * Counts refusals, records those of subjects that no window is open for, and records the other events, in one statement. However
   * many servers count one subject at once, one records it.
   */
  async record(refusals: readonly RefusalCount[], others: readonly EventReport[]): Promise<void> {
    const at = now()
    const told = refusals.map(({ subject, report, count }) => ({ subject, report, repeats: count - 1 }))
    const firsts = eventInsertion(
      refusals.map(({ report }) => report),
      at,
      { keys: refusals.map(({ subject }) => subject), condition: sql`key in (select subject from first)` },
    )
    await db.execute(sql`
      with refused as (
        select subject, repeats, case when exists (
            select 1 from ${erasures} where user_id = (report ->> 'userId')::uuid
          ) then report || '{"client": null}' else report end as report
        from jsonb_to_recordset(${JSON.stringify(told)}::jsonb) as told (subject text, report jsonb, repeats integer)
      ),
      counted as (
        insert into ${repeatedRefusals} as known (subject, report, repeats, window_ends_at)
        select subject, report || ${JSON.stringify({ from: at, until: at })}::jsonb, repeats,
          ${secondsAfter(at, refusalWindowSeconds).toISOString()}::timestamptz
        from refused order by subject
        on conflict (subject) do update set repeats = known.repeats + excluded.repeats + 1,
          report = known.report || jsonb_build_object('until', excluded.report -> 'until')
        returning subject, repeats
      ),
      first as (select subject from counted join refused using (subject, repeats)),
      ${firsts},
      ${eventInsertion(others, at, { suffix: '_other' })}
      select`)
  },

  /** Whether a window is over. */
  async hasEnded(): Promise<boolean> {
    const over = await db.execute(sql`
      select 1 from ${repeatedRefusals} where window_ends_at <= ${now().toISOString()}::timestamptz limit 1`)
    return over.length > 0
  },

  /** Ends some windows that are over: forgets their counts, and returns the events that the repeats become. To be committed with them. */
  async endSome(most: number): Promise<readonly EventReport[]> {
    const rows = await db.execute<{ report: EventReport & { from: string; until: string }; repeats: number }>(sql`
      with over as (
        select subject from ${repeatedRefusals} where window_ends_at <= ${now().toISOString()}::timestamptz
        order by subject limit ${most} for update
      )
      delete from ${repeatedRefusals} where subject in (select subject from over) returning report, repeats`)
    return rows
      .filter(({ repeats }) => repeats > 0)
      .map(({ report: { from, until, ...report }, repeats }) => ({
        ...report,
        details: { ...report.details, repeats, from, until },
      }))
  },
})
