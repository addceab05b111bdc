import { eq, or, type SQL, sql } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import { userSubjects } from '../budgets/budget.ts'
import { arrayOf } from '../db/array.ts'
import type { Db } from '../db/client.ts'
import { batchSize } from '../db/expired-rows.ts'
import { emailChanges, emailConfirmations, passwordResets } from '../db/tables/accounts.ts'
import { repeatedRefusals, securityEvents } from '../db/tables/audit.ts'
import { attemptBudgets } from '../db/tables/budgets.ts'
import { trustedDevices } from '../db/tables/devices.ts'
import { backupCodes, mfaChallenges, mfaConfigurations } from '../db/tables/mfa.ts'
import { consents } from '../db/tables/privacy.ts'
import { knownDevices, knownPlaces, sessionContexts } from '../db/tables/risk.ts'
import { sessionTickets, userSessions } from '../db/tables/sessions.ts'
import { erasedAddress, erasedUserAgent } from './erasure.ts'

/** Changes some rows in one statement, and returns how many. */
export type EraseSome = () => Promise<number>

/** A place in a user's events, newest first. */
export interface EventPlace {
  readonly occurredAt: string
  readonly id: string
}

export type ErasedRowsStore = ReturnType<typeof createErasedRowsStore>

/** Rows that hold something of a user, to be taken out in small statements. Challenges before the factors that they name. */
export const createErasedRowsStore = (db: Db) => {
  const run = async (table: PgTable, condition: SQL | undefined, change: SQL): Promise<number> => {
    const [row] = await db.execute<{ found: number }>(sql`
      with batch as (select ctid from ${table} where ${condition} limit ${batchSize}),
      changed as (${change} where ctid in (select ctid from batch) returning 1)
      select count(*)::integer as found from changed`)
    return row?.found ?? 0
  }
  const deletion = (table: PgTable, condition: SQL | undefined) => () =>
    run(table, condition, sql`delete from ${table}`)

  return {
    /** What to repeat, one after the other, each until it finds nothing. */
    steps(userId: string): readonly EraseSome[] {
      const subjects = arrayOf(Object.values(userSubjects(userId)))
      const isOfUser = eq(attemptBudgets.userId, userId)
      return [
        deletion(emailConfirmations, eq(emailConfirmations.userId, userId)),
        deletion(emailChanges, eq(emailChanges.userId, userId)),
        deletion(passwordResets, eq(passwordResets.userId, userId)),
        deletion(sessionTickets, eq(sessionTickets.userId, userId)),
        deletion(mfaChallenges, eq(mfaChallenges.userId, userId)),
        deletion(backupCodes, eq(backupCodes.userId, userId)),
        deletion(mfaConfigurations, eq(mfaConfigurations.userId, userId)),
        deletion(trustedDevices, eq(trustedDevices.userId, userId)),
        deletion(knownDevices, eq(knownDevices.userId, userId)),
        deletion(knownPlaces, eq(knownPlaces.userId, userId)),
        deletion(consents, eq(consents.userId, userId)),
        deletion(attemptBudgets, or(isOfUser, sql`${attemptBudgets.subject} = any(${subjects}::text[])`)),
        deletion(
          sessionContexts,
          sql`session_id = any(array(select id from ${userSessions} where user_id = ${userId}))`,
        ),
        () =>
          run(
            userSessions,
            sql`user_id = ${userId} and (ip_address <> ${erasedAddress} or user_agent <> ${erasedUserAgent})`,
            sql`update ${userSessions} set ip_address = ${erasedAddress}, user_agent = ${erasedUserAgent}`,
          ),
        () =>
          run(
            repeatedRefusals,
            sql`${userId} in (report ->> 'userId', report ->> 'actorId') and report -> 'client' <> 'null'`,
            sql`update ${repeatedRefusals} set report = report || '{"client": null}'`,
          ),
      ]
    },

    /**
     * Takes out what stands beside some events about the user, or done by them, newest first behind `before`, and returns the
     * place of the last; null where there are no more. Rejects while the erasure is not sealed.
     */
    async erasePersonalData(
      userId: string,
      role: 'user_id' | 'actor_id',
      before: EventPlace | null,
    ): Promise<EventPlace | null> {
      const [row] = await db.execute<{ occurred_at: string | null; id: string | null }>(sql`
        with page as materialized (
          select occurred_at, id from ${securityEvents}
          where ${sql.raw(role)} = ${userId}
            and ${before ? sql`(occurred_at, id) < (${before.occurredAt}::timestamptz, ${before.id}::uuid)` : sql`true`}
          order by occurred_at desc nulls last, id desc nulls last limit ${batchSize}
        )
        select last.occurred_at::text, last.id
        from erase_personal_data(${userId}, array(select id from page)) left join lateral (
          select occurred_at, id from page order by occurred_at, id limit 1
        ) last on (select count(*) from page) = ${batchSize}`)
      return row?.id && row.occurred_at ? { occurredAt: row.occurred_at, id: row.id } : null
    },
  }
}
