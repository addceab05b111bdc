import { and, asc, desc, eq, gt, gte, inArray, isNull, lte, ne, or, type SQL, sql } from 'drizzle-orm'
import type { AnyPgColumn } from 'drizzle-orm/pg-core'
import type { Account } from '../accounts/account.ts'
import { accountColumns } from '../accounts/account-store.ts'
import { arrayOf } from '../db/array.ts'
import type { Db } from '../db/client.ts'
import { expiredRows } from '../db/expired-rows.ts'
import { users } from '../db/tables/accounts.ts'
import { endedTokens, refreshedTokens, userSessions } from '../db/tables/sessions.ts'
import type { AuthenticationMethod, Session, SessionEndReason } from './session.ts'

/** A token that no longer opens its session, as every server and Redis must learn. */
export interface EndedToken {
  readonly tokenHash: string
  readonly sessionTag: string
  /** Null: replaced, and the session goes on under another token. */
  readonly reason: SessionEndReason | null
}

/** A session and its user, as the record has them. */
export interface SessionRecord {
  readonly session: Session
  readonly account: Account
}

/** A token that `refreshSession` replaced, and its session. */
export interface RefreshedToken {
  readonly session: Session
  readonly account: Account
  readonly replacedAt: Date
  readonly successorHash: string
  /** Whether the token that replaced it is still the session's. */
  readonly isSuccessorCurrent: boolean
}

/** As it stands on the list of ends. */
export interface ListedToken extends EndedToken {
  readonly endedAt: Date
}

/** What stands on the list for the copy of a user, which Redis must drop: the user changed, and it could not be renewed. */
export const staleUser = (sessionTag: string): EndedToken => ({
  tokenHash: `user:${sessionTag}`,
  sessionTag,
  reason: null,
})

export type SessionStore = ReturnType<typeof createSessionStore>

/** Announces each end, as JSON of the token's hash, the reason and the user's session tag. */
export const endedTokensChannel = 'gatehouse_ended_tokens'
/** Asks whoever reaches Redis to tell it of what is on the list. */
export const untoldChannel = 'gatehouse_untold'

const sessionColumns = {
  id: userSessions.id,
  userId: userSessions.userId,
  createdAt: userSessions.createdAt,
  lastSeenAt: userSessions.lastSeenAt,
  idleExpiresAt: userSessions.idleExpiresAt,
  expiresAt: userSessions.expiresAt,
  authenticationMethods: userSessions.authenticationMethods,
  elevatedUntil: userSessions.elevatedUntil,
  trustedDevice: userSessions.trustedDevice,
  transport: userSessions.transport,
  userAgent: userSessions.userAgent,
  ipAddress: userSessions.ipAddress,
  endedAt: userSessions.endedAt,
  endReason: userSessions.endReason,
}

const listedColumns = {
  tokenHash: endedTokens.tokenHash,
  sessionTag: endedTokens.sessionTag,
  reason: endedTokens.reason,
  endedAt: endedTokens.endedAt,
}

const mostSessionsListed = 100

/** Which of a user's sessions: all but one, or those alone. */
export type SessionChoice = { readonly except: string | null } | { readonly only: readonly string[] }

export interface EndedSession {
  readonly session: Session
  readonly token: EndedToken
}

const choose = (which: SessionChoice): SQL | undefined => {
  if ('only' in which) return inArray(userSessions.id, [...which.only])
  return which.except === null ? undefined : ne(userSessions.id, which.except)
}

/** The record of sessions, and the list of ends that Redis is still to be told. */
export const createSessionStore = (db: Db) => {
  /** In the transaction of the end itself, so that no end goes unannounced and none is announced that did not happen. */
  const announce = async (tokens: readonly EndedToken[], endedAt: Date): Promise<void> => {
    const payloads = tokens.map(({ tokenHash, reason, sessionTag }) => JSON.stringify([tokenHash, reason, sessionTag]))
    await Promise.all([
      db.insert(endedTokens).values(tokens.map((token) => ({ ...token, endedAt }))),
      db.execute(sql`
        select pg_notify(${endedTokensChannel}, payload) from jsonb_array_elements_text(${JSON.stringify(payloads)}::jsonb) as payload`),
    ])
  }

  return {
    /** The sessions of these tokens, by token, in one statement; a token that opens none is left out. */
    async findByTokens(tokenHashes: readonly string[]): Promise<Map<string, SessionRecord>> {
      const rows = await db
        .select({ tokenHash: userSessions.tokenHash, session: sessionColumns, account: accountColumns })
        .from(userSessions)
        .innerJoin(users, eq(users.id, userSessions.userId))
        .where(isAnyOf(userSessions.tokenHash, tokenHashes))
      return new Map(rows.map(({ tokenHash, ...record }) => [tokenHash, record]))
    },

    /** These sessions with their users, by id, in one statement, live or not. */
    async findByIds(ids: readonly string[]): Promise<Map<string, SessionRecord>> {
      const rows = await db
        .select({ session: sessionColumns, account: accountColumns })
        .from(userSessions)
        .innerJoin(users, eq(users.id, userSessions.userId))
        .where(sql`${userSessions.id} = any(${arrayOf(ids)}::uuid[])`)
      return new Map(rows.map((record) => [record.session.id, record]))
    },

    async find(id: string): Promise<Session | null> {
      const [row] = await db.select(sessionColumns).from(userSessions).where(eq(userSessions.id, id))
      return row ?? null
    },

    /** Whether this token opens this session still, as the record has it. */
    async isLive(id: string, tokenHash: string): Promise<boolean> {
      const [row] = await db
        .select({ id: userSessions.id })
        .from(userSessions)
        .where(and(eq(userSessions.id, id), eq(userSessions.tokenHash, tokenHash), isNull(userSessions.endedAt)))
      return row !== undefined
    },

    /** The user's live sessions, the most recently active first. */
    async listLive(userId: string, now: Date): Promise<Session[]> {
      return db
        .select(sessionColumns)
        .from(userSessions)
        .where(and(eq(userSessions.userId, userId), isNull(userSessions.endedAt), gt(userSessions.idleExpiresAt, now)))
        .orderBy(desc(userSessions.lastSeenAt))
        .limit(mostSessionsListed)
    },

    /**
     * Ends a live session and announces it; as IDLE or EXPIRED only if its own deadlines say so. Null when nothing was to
     * end: of any number of calls, one ends it.
     */
    async end(id: string, reason: SessionEndReason, now: Date): Promise<EndedSession | null> {
      const [row] = await db
        .update(userSessions)
        .set({ endedAt: now, endReason: reason })
        .from(users)
        .where(
          and(
            eq(userSessions.id, id),
            eq(users.id, userSessions.userId),
            isNull(userSessions.endedAt),
            reason === 'IDLE' ? lte(userSessions.idleExpiresAt, now) : undefined,
            reason === 'EXPIRED' ? lte(userSessions.expiresAt, now) : undefined,
          ),
        )
        .returning({ session: sessionColumns, tokenHash: userSessions.tokenHash, sessionTag: users.sessionTag })
      if (!row) return null
      const token = { tokenHash: row.tokenHash, sessionTag: row.sessionTag, reason }
      await announce([token], now)
      return { session: row.session, token }
    },

    /**
     * Ends those sessions of a user that `which` names, and announces each. One that had run out of time already ends for
     * that, and not for `reason`.
     */
    async endAll(userId: string, which: SessionChoice, reason: SessionEndReason, now: Date): Promise<EndedSession[]> {
      const rows = await db
        .update(userSessions)
        .set({
          endedAt: now,
          endReason: sql`case
            when ${userSessions.expiresAt} <= ${now.toISOString()}::timestamptz then 'EXPIRED'
            when ${userSessions.idleExpiresAt} <= ${now.toISOString()}::timestamptz then 'IDLE'
            else ${reason} end`,
        })
        .from(users)
        .where(
          and(
            eq(userSessions.userId, userId),
            eq(users.id, userSessions.userId),
            isNull(userSessions.endedAt),
            choose(which),
          ),
        )
        .returning({ session: sessionColumns, tokenHash: userSessions.tokenHash, sessionTag: users.sessionTag })
      const ended = rows.map(({ session, ...token }) => ({ session, token: { ...token, reason: session.endReason } }))
      if (ended.length > 0)
        await announce(
          ended.map(({ token }) => token),
          now,
        )
      return ended
    },

    /** Whether each of these is, or was, a session of this user. */
    async areOf(userId: string, ids: readonly string[]): Promise<boolean> {
      const wanted = [...new Set(ids)]
      const [row] = await db
        .select({ found: sql<number>`count(*)::integer` })
        .from(userSessions)
        .where(and(eq(userSessions.userId, userId), inArray(userSessions.id, wanted)))
      return row?.found === wanted.length
    },

    /** Gives a live session a new token and a fresh proof. Null when the session is over or the old one was replaced already. */
    async replaceToken(
      id: string,
      old: EndedToken,
      next: { tokenHash: string; authenticationMethods: AuthenticationMethod[]; elevatedUntil: Date | null },
      now: Date,
    ): Promise<Session | null> {
      const [session] = await db
        .update(userSessions)
        .set(next)
        .where(and(eq(userSessions.id, id), eq(userSessions.tokenHash, old.tokenHash), isNull(userSessions.endedAt)))
        .returning(sessionColumns)
      if (!session) return null
      await announce([old], now)
      return session
    },

    /**
     * Gives a live session a new token, and time until it is idle again. Of any number of calls with one token the first
     * does it; null for the others, and when the session is over.
     */
    async refresh(
      id: string,
      old: EndedToken,
      next: { tokenHash: string; lastSeenAt: Date; idleExpiresAt: Date },
    ): Promise<Session | null> {
      const [session] = await db
        .update(userSessions)
        .set(next)
        .where(
          and(
            eq(userSessions.id, id),
            eq(userSessions.tokenHash, old.tokenHash),
            isNull(userSessions.endedAt),
            gt(userSessions.idleExpiresAt, next.lastSeenAt), // what counts as over for the limit stays over
          ),
        )
        .returning(sessionColumns)
      if (!session) return null
      const { tokenHash } = old
      await Promise.all([
        db
          .insert(refreshedTokens)
          .values({ tokenHash, sessionId: id, successorHash: next.tokenHash, replacedAt: next.lastSeenAt }),
        announce([old], next.lastSeenAt),
      ])
      return session
    },

    async findRefreshed(tokenHash: string): Promise<RefreshedToken | null> {
      const { sessionId, replacedAt, successorHash } = refreshedTokens
      const [row] = await db
        .select({
          session: sessionColumns,
          account: accountColumns,
          replacedAt,
          successorHash,
          isSuccessorCurrent: sql<boolean>`${successorHash} = ${userSessions.tokenHash}`,
        })
        .from(refreshedTokens)
        .innerJoin(userSessions, eq(userSessions.id, sessionId))
        .innerJoin(users, eq(users.id, userSessions.userId))
        .where(eq(refreshedTokens.tokenHash, tokenHash))
      return row ?? null
    },

    async touch(id: string, deadlines: { lastSeenAt: Date; idleExpiresAt: Date }, seenBefore: Date): Promise<void> {
      await db
        .update(userSessions)
        .set(deadlines)
        .where(
          and(
            eq(userSessions.id, id),
            isNull(userSessions.endedAt),
            gt(userSessions.idleExpiresAt, deadlines.lastSeenAt), // what counts as over for the limit stays over
            lte(userSessions.lastSeenAt, seenBefore),
          ),
        )
    },

    /** Ends at most `limit` sessions past their absolute end, at their own deadlines; those that someone holds are left. */
    async endOverdue(
      now: Date,
      limit: number,
    ): Promise<{ sessionId: string; userId: string; reason: 'IDLE' | 'EXPIRED' }[]> {
      return db.execute(sql`
        with overdue as (
          select id from ${userSessions} where ended_at is null and expires_at <= ${now.toISOString()}
          limit ${limit} for update skip locked
        )
        update ${userSessions} set ended_at = least(idle_expires_at, expires_at),
          end_reason = case when idle_expires_at < expires_at then 'IDLE' else 'EXPIRED' end
        where id in (select id from overdue)
        returning id as "sessionId", user_id as "userId", end_reason as reason`)
    },

    async countOverdue(now: Date): Promise<number> {
      return expiredRows(db, userSessions, (before) =>
        and(isNull(userSessions.endedAt), lte(userSessions.expiresAt, before)),
      ).count(now)
    },

    /** Puts the copy of a user on the list, or back on it. */
    async listStaleUser(sessionTag: string, now: Date): Promise<EndedToken> {
      const token = staleUser(sessionTag)
      await db
        .insert(endedTokens)
        .values({ ...token, endedAt: now })
        .onConflictDoUpdate({ target: endedTokens.tokenHash, set: { endedAt: now, toldAt: null } })
      return token
    },

    /** A page of the ends since an instant, told or not, oldest first: those after the last of the page before. */
    async listEnded(since: Date, after: ListedToken | null, limit: number): Promise<ListedToken[]> {
      const { endedAt, tokenHash } = endedTokens
      const isLater = after
        ? or(gt(endedAt, after.endedAt), and(eq(endedAt, after.endedAt), gt(tokenHash, after.tokenHash)))
        : undefined
      return db
        .select(listedColumns)
        .from(endedTokens)
        .where(and(gte(endedAt, since), isLater))
        .orderBy(asc(endedAt), asc(tokenHash))
        .limit(limit)
    },

    async listUntold(limit: number): Promise<ListedToken[]> {
      return db
        .select(listedColumns)
        .from(endedTokens)
        .where(isNull(endedTokens.toldAt))
        .orderBy(asc(endedTokens.endedAt))
        .limit(limit)
    },

    /** Notes that Redis knows of these ends. They stay on the list for a while: a promoted replica may have missed them. */
    async markTold(tokenHashes: readonly string[], now: Date): Promise<void> {
      await db
        .update(endedTokens)
        .set({ toldAt: now })
        .where(and(isAnyOf(endedTokens.tokenHash, tokenHashes), isNull(endedTokens.toldAt)))
    },

    /** Whether Redis knows of all these ends. */
    async areTold(tokenHashes: readonly string[]): Promise<boolean> {
      const [untold] = await db
        .select({ tokenHash: endedTokens.tokenHash })
        .from(endedTokens)
        .where(and(isAnyOf(endedTokens.tokenHash, tokenHashes), isNull(endedTokens.toldAt)))
        .limit(1)
      return !untold
    },

    /** Asks the servers that reach Redis to tell it what is untold. */
    async askToTell(): Promise<void> {
      await db.execute(sql`select pg_notify(${untoldChannel}, '')`)
    },
  }
}

/** One of the values: a statement that is the same however many there are, so that it is prepared once. */
const isAnyOf = (column: AnyPgColumn, values: readonly string[]): SQL =>
  sql`${column} = any(${arrayOf(values)}::text[])`
