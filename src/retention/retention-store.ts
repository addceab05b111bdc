import { and, eq, isNull, lte, or, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { batchSize, type ExpiredRows, expiredRows, mostCounted } from '../db/expired-rows.ts'
import { signingKeys } from '../db/tables/access-tokens.ts'
import { emailChanges, emailConfirmations, passwordResets } from '../db/tables/accounts.ts'
import { attemptBudgets } from '../db/tables/budgets.ts'
import { trustedDevices } from '../db/tables/devices.ts'
import { outgoingMessages } from '../db/tables/messaging.ts'
import { mfaChallenges, mfaConfigurations } from '../db/tables/mfa.ts'
import { knownDevices, knownPlaces } from '../db/tables/risk.ts'
import { endedTokens, refreshedTokens, sessionTickets, userSessions } from '../db/tables/sessions.ts'
import { secondsAfter } from '../lib/clock.ts'

const longestSessionSeconds = 30 * 24 * 3600 // the most that SESSION_ABSOLUTE_SECONDS may be

export type RetentionStore = ReturnType<typeof createRetentionStore>

/** The ids of sessions that ended before, those first that ended first. */
const endedSessions = (before: Date, most: number): SQL =>
  sql`(select id from ${userSessions} where ended_at <= ${before.toISOString()} order by ended_at limit ${most})`

/** Tokens of these sessions, looked up session by session: what the planner guesses must not have it read all tokens. */
const tokensOf = (sessions: SQL, most: number): SQL =>
  sql`${refreshedTokens}.ctid in (
    select token.ctid from ${sessions} ended
      cross join lateral (select ctid from ${refreshedTokens} where session_id = ended.id limit ${most}) token
      limit ${most})`

/** What is over, table by table, and since when. */
export const createRetentionStore = (db: Db) =>
  ({
    budgets: expiredRows(db, attemptBudgets, (before) => lte(attemptBudgets.windowEndsAt, before)),
    passwordResets: expiredRows(db, passwordResets, (before) => lte(passwordResets.expiresAt, before)),
    emailChanges: expiredRows(db, emailChanges, (before) => lte(emailChanges.expiresAt, before)),
    sessionTickets: expiredRows(db, sessionTickets, (before) => lte(sessionTickets.expiresAt, before)),
    challenges: expiredRows(db, mfaChallenges, (before) => lte(mfaChallenges.expiresAt, before)),
    pendingFactors: expiredRows(db, mfaConfigurations, (before) =>
      and(eq(mfaConfigurations.status, 'PENDING'), lte(mfaConfigurations.createdAt, before)),
    ),
    registrations: expiredRows(db, emailConfirmations, (before) => lte(emailConfirmations.expiresAt, before)),
    messages: expiredRows(db, outgoingMessages, (before) => lte(outgoingMessages.sentAt, before)),
    /** Those that were to leave no trace and could not be sent, or were sent by a server that did not know of that. */
    lastMessages: expiredRows(db, outgoingMessages, (before) =>
      and(outgoingMessages.leavesNoTrace, lte(outgoingMessages.createdAt, before)),
    ),
    /** Those that could not be sent. The index leads to what waits, and there is not much of that. */
    unsentMessages: expiredRows(db, outgoingMessages, (before) =>
      and(isNull(outgoingMessages.sentAt), lte(outgoingMessages.createdAt, before)),
    ),
    trustedDevices: expiredRows(db, trustedDevices, (before) => lte(trustedDevices.expiresAt, before)),
    knownDevices: expiredRows(db, knownDevices, (before) => lte(knownDevices.lastSeenAt, before)),
    knownPlaces: expiredRows(db, knownPlaces, (before) => lte(knownPlaces.lastSeenAt, before)),
    /** Those that a newer one took over from. There are too few of them for an index. */
    signingKeys: expiredRows(
      db,
      signingKeys,
      (before) => sql`exists (
        select 1 from ${signingKeys} newer where newer.generation > ${signingKeys}.generation
          and newer.revoked_at is null and newer.signs_from < ${before.toISOString()})`,
    ),
    /** Those that Redis was told of, and those that are older than any session can be. */
    endedTokens: expiredRows(db, endedTokens, (before) =>
      and(
        lte(endedTokens.endedAt, before),
        or(lte(endedTokens.toldAt, before), lte(endedTokens.endedAt, secondsAfter(before, -longestSessionSeconds))),
      ),
    ),
    /** Those of the sessions that ended first. */
    tokensOfSessions: expiredRows(
      db,
      refreshedTokens,
      (before) => tokensOf(endedSessions(before, batchSize), batchSize),
      (before) => tokensOf(endedSessions(before, mostCounted), mostCounted + 1),
    ),
    /** Of those that ended first the ones whose tokens are gone: thousands may go with a session. Its challenges are few. */
    sessions: expiredRows(
      db,
      userSessions,
      (before) => sql`${userSessions.id} in ${endedSessions(before, batchSize)}
        and (select true from ${refreshedTokens} where session_id = ${userSessions.id} limit 1) is null`,
      (before) => lte(userSessions.endedAt, before),
    ),
  }) satisfies Record<string, ExpiredRows>
