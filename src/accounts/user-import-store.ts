import { inArray, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { emailConfirmations, users } from '../db/tables/accounts.ts'
import { emailKeyOf, type Role } from './account.ts'
import type { ImportedAccount } from './user-import.ts'

export interface NewImportedAccount extends ImportedAccount {
  readonly id: string
  readonly sessionTag: string
}

export type UserImportStore = ReturnType<typeof createUserImportStore>

/** Accounts that come from an older system, many at a time. */
export const createUserImportStore = (db: Db) => ({
  /**
   * Opens these accounts, of different addresses, and makes those that are PENDING ACTIVE; returns what it opened. An
   * address that has an active account is left as it is. Two calls at once wait for each other, in the order of addresses.
   */
  async open(accounts: readonly NewImportedAccount[], now: Date): Promise<{ id: string; role: Role }[]> {
    const rows = accounts
      .map((account) => ({ ...account, emailKey: emailKeyOf(account.email) }))
      .sort((one, other) => (one.emailKey < other.emailKey ? -1 : 1))
    const opened = await db.execute<{ id: string; role: Role }>(sql`
      insert into ${users} (id, email, email_key, display_name, password_hash, role, status, session_tag,
        email_confirmed_at, created_at)
      select id, email, "emailKey", "displayName", "passwordHash", role, 'ACTIVE', "sessionTag",
        ${now.toISOString()}::timestamptz, "createdAt"
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as (id uuid, email text, "emailKey" text,
        "displayName" text, "passwordHash" text, role text, "sessionTag" text, "createdAt" timestamptz)
      on conflict (email_key) do update set
        email = excluded.email, display_name = excluded.display_name, password_hash = excluded.password_hash,
        role = excluded.role, status = excluded.status, email_confirmed_at = excluded.email_confirmed_at,
        created_at = excluded.created_at, version = ${users}.version + 1
      where ${users}.status = 'PENDING'
      returning id, role`)
    const fresh = new Set(accounts.map(({ id }) => id))
    const takenOver = opened.map(({ id }) => id).filter((id) => !fresh.has(id))
    // A statement of its own: it sees registrations that the insertion waited for. All of them are void now (threat E10).
    if (takenOver.length > 0) await db.delete(emailConfirmations).where(inArray(emailConfirmations.userId, takenOver))
    return [...opened]
  },
})
