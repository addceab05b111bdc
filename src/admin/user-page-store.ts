import { and, eq, inArray, like, sql } from 'drizzle-orm'
import type { Account } from '../accounts/account.ts'
import { accountColumns } from '../accounts/account-store.ts'
import type { Db } from '../db/client.ts'
import { users } from '../db/tables/accounts.ts'
import type { Position } from '../page.ts'
import type { UserFilter } from './user-filter.ts'

export type UserPageStore = ReturnType<typeof createUserPageStore>

const { createdAt, id, emailKey, role, status, mfaEnabled } = users

const containing = (part: string): string => `%${part.replaceAll(/[\\%_]/g, '\\$&')}%`

/** As the indexes are ordered, to the letter: else every page sorts all that fits. */
const newestFirst = [sql`${createdAt} desc nulls last`, sql`${id} desc nulls last`]

/** Users, page by page. To be read by `ReadPlanned`: which index is the best depends on how many users fit. */
export const createUserPageStore = (db: Db) => ({
  /** One page, the newest first, of the users that fit the filter and registered before `before`. */
  page(filter: UserFilter, before: Position | null, limit: number): Promise<Account[]> {
    // Sought in the indexes alone: the rows of those who don't fit are not read.
    const found = db
      .select({ id })
      .from(users)
      .where(
        and(
          filter.email ? like(emailKey, containing(filter.email)) : undefined,
          filter.role && eq(role, filter.role),
          filter.status && eq(status, filter.status),
          filter.mfaEnabled === undefined ? undefined : eq(mfaEnabled, filter.mfaEnabled),
          before
            ? sql`(${createdAt}, ${id}) < (${before.at.toISOString()}::timestamptz, ${before.id}::uuid)`
            : undefined,
        ),
      )
      .orderBy(...newestFirst)
      .limit(limit)
    return db
      .select(accountColumns)
      .from(users)
      .where(inArray(id, found))
      .orderBy(...newestFirst)
  },
})
