import type { Account } from '../accounts/account.ts'
import type { AccountStore } from '../accounts/account-store.ts'
import type { ReadPlanned } from '../db/planned.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import { isId } from '../lib/ids.ts'
import { type Connection, connectionOf, parseCursor, parsePageSize } from '../page.ts'
import type { Session } from '../sessions/session.ts'
import type { SessionStore } from '../sessions/session-store.ts'
import { parseUserFilter, type UserQuery } from './user-filter.ts'
import type { UserPageStore } from './user-page-store.ts'

export interface UserReadingDeps {
  readonly accounts: Pick<AccountStore, 'findByIds'>
  readonly sessions: Pick<SessionStore, 'listLive'>
  readonly planned: ReadPlanned<{ readonly userPages: UserPageStore }>
  readonly now: Clock
}

export interface UserPageRequest {
  readonly first: number
  readonly after?: string | null | undefined
  readonly filter?: UserQuery | null | undefined
}

export type UserConnection = Connection<Account>
export type UserReading = ReturnType<typeof createUserReading>

/** What administrators and auditors read of users. */
export const createUserReading = ({ accounts, sessions, planned, now }: UserReadingDeps) => {
  const find = async (id: string): Promise<Account | null> => {
    const [user] = isId(id) ? await accounts.findByIds([id]) : []
    return user ?? null
  }

  return {
    /** Null when there is no such user, also for what is no id. */
    find,

    /** A page of users, the newest first. Throws BAD_USER_INPUT. */
    async page({ first, after, filter }: UserPageRequest): Promise<UserConnection> {
      const size = parsePageSize(first)
      const before = parseCursor(after)
      const asked = parseUserFilter(filter ?? {})
      const found = await planned(({ userPages }) => userPages.page(asked, before, size + 1))
      return connectionOf(found, size, ({ createdAt: at, id }) => ({ at, id }))
    },

    /** A user's live sessions, the most recently active first. Throws NOT_FOUND. */
    async sessionsOf(userId: string): Promise<Session[]> {
      const user = await find(userId)
      if (!user) throw new AppError('NOT_FOUND')
      return sessions.listLive(user.id, now())
    },
  }
}
