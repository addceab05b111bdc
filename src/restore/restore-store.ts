import { type SQL, sql } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import { signingKeysChannel } from '../access-tokens/signing-key-store.ts'
import type { ChainPosition } from '../audit/verification.ts'
import type { Db } from '../db/client.ts'
import { signingKeys } from '../db/tables/access-tokens.ts'
import { emailChanges, emailConfirmations, passwordResets } from '../db/tables/accounts.ts'
import { auditHead } from '../db/tables/audit.ts'
import { trustedDevices } from '../db/tables/devices.ts'
import { backupCodes, mfaChallenges, mfaConfigurations } from '../db/tables/mfa.ts'
import { databaseRestores } from '../db/tables/restore.ts'
import { sessionTickets, userSessions } from '../db/tables/sessions.ts'
import type { SessionEndReason } from '../sessions/session.ts'

export type RestoreStore = ReturnType<typeof createRestoreStore>

/** Tells every server that the database was put back to an earlier state. */
export const restoredChannel = 'gatehouse_restored'

export interface EndedByRestore {
  readonly sessionId: string
  readonly userId: string
  readonly endReason: SessionEndReason
}

const signedOut = 'REVOKED_BY_ADMIN' satisfies SessionEndReason
const epochLength = 8

/** What a database that was put back to an earlier state has forgotten, and what must count no more for that. */
export const createRestoreStore = (db: Db) => {
  const count = async (statement: SQL): Promise<number> => {
    const [row] = await db.execute<{ changed: number }>(
      sql`with changed as (${statement} returning 1) select count(*)::integer as changed from changed`,
    )
    return row?.changed ?? 0
  }
  const allOf = (table: PgTable): Promise<number> => count(sql`delete from ${table}`)

  return {
    /** A short text that is another after each restore; empty where there was none. */
    async epoch(): Promise<string> {
      const [row] = await db.execute<{ epoch: string | null }>(sql`
        select left(md5(string_agg(id::text, ',' order by id)), ${epochLength}) as epoch from ${databaseRestores}`)
      return row?.epoch ?? ''
    },

    /** Enters a restore and announces it with the commit. Until then nobody else opens a session or a challenge, or uses one up. */
    async enter(id: string, at: Date): Promise<void> {
      await db.execute(sql`
        lock table ${userSessions}, ${mfaChallenges}, ${sessionTickets}, ${trustedDevices}, ${mfaConfigurations}, ${backupCodes}
        in share row exclusive mode`)
      await db.insert(databaseRestores).values({ id, restoredAt: at })
      await db.execute(sql`select pg_notify(${restoredChannel}, '')`)
    },

    /** How far the log was sealed when the database was backed up. */
    async sealedHead(): Promise<ChainPosition> {
      const [head] = await db.select({ sequence: auditHead.sequence, hash: auditHead.hash }).from(auditHead)
      if (!head) throw new Error('The head of the security log is gone: this is no backup of Gatehouse')
      return head
    },

    /** Ends every live session; one that had run out of time ends for that. */
    async endSessions(now: Date): Promise<EndedByRestore[]> {
      const at = sql`${now.toISOString()}::timestamptz`
      return db.execute<EndedByRestore & Record<string, unknown>>(sql`
        update ${userSessions} set ended_at = ${at}, end_reason = case
          when expires_at <= ${at} then 'EXPIRED' when idle_expires_at <= ${at} then 'IDLE' else ${signedOut} end
        where ended_at is null returning id as "sessionId", user_id as "userId", end_reason as "endReason"`)
    },

    /**
     * Uses up and takes back what may have been used or taken back since the backup, and returns how much of each there was.
     * `newestStep` is the latest TOTP step whose code anybody can have entered.
     */
    async voidAll(now: Date, newestStep: number): Promise<Readonly<Record<string, number>>> {
      const at = sql`${now.toISOString()}::timestamptz`
      const steps = await count(sql`
        update ${mfaConfigurations} set last_used_step = greatest(last_used_step, ${newestStep}) where method = 'TOTP'`)
      const keys = await count(sql`update ${signingKeys} set revoked_at = ${at} where revoked_at is null`)
      await db.execute(sql`select pg_notify(${signingKeysChannel}, '')`)
      return {
        challenges: await count(
          sql`update ${mfaChallenges} set consumed_at = ${at} where consumed_at is null and expires_at > ${at}`,
        ),
        tickets: await allOf(sessionTickets),
        devices: await count(sql`update ${trustedDevices} set revoked_at = ${at} where revoked_at is null`),
        backupCodes: await count(sql`update ${backupCodes} set used_at = ${at} where used_at is null`),
        registrations: await allOf(emailConfirmations),
        passwordResets: await allOf(passwordResets),
        emailChanges: await allOf(emailChanges),
        authenticators: steps,
        signingKeys: keys,
      }
    },
  }
}
