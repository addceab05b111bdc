import { and, eq, lte, or, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { type ExpiredRows, expiredRows } from '../db/expired-rows.ts'
import {
  attemptBudgets,
  emailChanges,
  emailConfirmations,
  endedTokens,
  knownDevices,
  mfaChallenges,
  mfaConfigurations,
  outgoingMessages,
  passwordResets,
  sessionTickets,
  signingKeys,
  trustedDevices,
  userSessions,
} from '../db/tables.ts'
import { secondsAfter } from '../lib/clock.ts'

const longestSessionSeconds = 30 * 24 * 3600 // the most that SESSION_ABSOLUTE_SECONDS may be

export type RetentionStore = ReturnType<typeof createRetentionStore>

/** What is over, table by table, and since when. Challenges and refreshed tokens go with the session that they belong to. */
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
    trustedDevices: expiredRows(db, trustedDevices, (before) => lte(trustedDevices.expiresAt, before)),
    knownDevices: expiredRows(db, knownDevices, (before) => lte(knownDevices.lastSeenAt, before)),
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
    sessions: expiredRows(db, userSessions, (before) => lte(userSessions.endedAt, before)),
  }) satisfies Record<string, ExpiredRows>
