import { and, asc, eq, isNotNull, isNull, lte, ne, type SQL, sql } from 'drizzle-orm'
import type { Account } from '../accounts/account.ts'
import { accountColumns } from '../accounts/account-store.ts'
import { arrayOf } from '../db/array.ts'
import type { Db } from '../db/client.ts'
import { mostCounted } from '../db/expired-rows.ts'
import { users } from '../db/tables/accounts.ts'
import { auditLinks, securityEvents } from '../db/tables/audit.ts'
import { erasures } from '../db/tables/privacy.ts'
import { type AccountErased, addressOfErased } from './erasure.ts'

export type ErasureStore = ReturnType<typeof createErasureStore>

const { userId, erasedAt, finishedAt, archivesDoneAt } = erasures
const columns = { id: userId, erasedAt }
const isRecording = sql`relation = 'security_events'::regclass and mode = 'RowExclusiveLock'`

/** Accounts that were erased, and how far that is. */
export const createErasureStore = (db: Db) => ({
  /**
   * Leaves of an account nothing but its id, for good, and frees its address; null where that was done. Its session tag stays: a
   * random value that opens nothing, by which Redis is told. To be called once the event of the erasure is recorded.
   */
  async bury(owner: string): Promise<Account | null> {
    const address = addressOfErased(owner)
    const [row] = await db
      .update(users)
      .set({
        email: address,
        emailKey: address,
        displayName: null,
        passwordHash: null,
        passwordVersion: sql`${users.passwordVersion} + 1`,
        mfaEnabled: false,
        role: 'USER',
        status: 'ERASED',
        emailConfirmedAt: null,
        lastLoginAt: null,
        version: sql`${users.version} + 1`,
      })
      .where(and(eq(users.id, owner), ne(users.status, 'ERASED')))
      .returning(accountColumns)
    if (!row) return null
    await db.execute(sql`
      insert into ${erasures} (user_id, event_id, severity, erased_at, actor_id, session_id, personal_digest)
      select user_id, id, severity, occurred_at, actor_id, session_id, personal_digest from ${securityEvents}
      where user_id = ${owner} and type = 'ACCOUNT_ERASED'
      order by occurred_at desc nulls last, id desc nulls last limit 1`)
    return row
  },

  /** Whether the event of an erasure is sealed. */
  async isSealed(owner: string): Promise<boolean> {
    const rows = await db.execute(sql`
      select 1 from ${erasures} join ${auditLinks} using (event_id) where user_id = ${owner}`)
    return rows.length > 0
  },

  /** The transactions that are recording events. What they write is not there to be found before they are over. */
  async recording(): Promise<readonly string[]> {
    const rows = await db.execute<{ name: string }>(sql`
      select distinct virtualtransaction as name from pg_locks where ${isRecording} and pid <> pg_backend_pid()`)
    return rows.map(({ name }) => name)
  },

  async areOver(transactions: readonly string[]): Promise<boolean> {
    const left = await db.execute(sql`
      select 1 from pg_locks where ${isRecording} and virtualtransaction = any(${arrayOf(transactions)}::text[]) limit 1`)
    return left.length === 0
  },

  /** Some erasures of which something may be left in the database, each time others: those that fail must not stop the rest. */
  async listUnfinished(before: Date, most: number): Promise<AccountErased[]> {
    const isUnfinished = and(isNull(finishedAt), lte(erasedAt, before))
    return db.select(columns).from(erasures).where(isUnfinished).orderBy(sql`random()`).limit(most)
  },

  async countUnfinished(before: Date): Promise<number> {
    const [row] = await db.execute<{ found: number }>(sql`
      select count(*)::integer as found from (
        select 1 from ${erasures} where finished_at is null and erased_at <= ${before.toISOString()} limit ${mostCounted + 1}
      ) as unfinished`)
    return row?.found ?? 0
  },

  async finish(owner: string, now: Date): Promise<void> {
    await db.update(erasures).set({ finishedAt: now }).where(eq(userId, owner))
  },

  /**
   * A page of the erasures that archived months were not gone through for, oldest first, behind the last of the page before. Of
   * those alone of which nothing is left in the database: the next month to be archived may still hold what is.
   */
  async listUnarchived(after: AccountErased | null, most: number): Promise<AccountErased[]> {
    return listOf(db, and(isNotNull(finishedAt), isNull(archivesDoneAt), isLaterThan(after)), most)
  },

  async finishArchives(owners: readonly string[], now: Date): Promise<void> {
    await db
      .update(erasures)
      .set({ archivesDoneAt: now })
      .where(sql`${userId} = any(${arrayOf(owners)}::uuid[])`)
  },

  /** A page of all erasures, oldest first, behind the last of the page before. */
  async list(after: AccountErased | null, most: number): Promise<AccountErased[]> {
    return listOf(db, isLaterThan(after), most)
  },
})

const isLaterThan = (after: AccountErased | null): SQL | undefined =>
  after ? sql`(${erasedAt}, ${userId}) > (${after.erasedAt.toISOString()}::timestamptz, ${after.id}::uuid)` : undefined

const listOf = (db: Db, condition: SQL | undefined, most: number): Promise<AccountErased[]> =>
  db.select(columns).from(erasures).where(condition).orderBy(asc(erasedAt), asc(userId)).limit(most)
