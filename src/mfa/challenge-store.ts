import { and, eq, gt, isNull, lt, or, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { mfaChallenges } from '../db/tables.ts'
import { type Challenge, maxChallengeAttempts } from './challenge.ts'

export type ChallengeStore = ReturnType<typeof createChallengeStore>

const { id, userId, purpose, sessionId, factorId, proofs, attempts, createdAt, expiresAt } = mfaChallenges
const challengeColumns = { id, userId, purpose, sessionId, factorId, proofs, attempts, createdAt, expiresAt }

export const createChallengeStore = (db: Db) => ({
  async insert(challenge: Challenge): Promise<void> {
    await db.insert(mfaChallenges).values({ ...challenge, proofs: [...challenge.proofs] })
  },

  /**
   * Claims one attempt. Null when the challenge is unknown, spent, expired, out of attempts, or another session's.
   * `callerSessionId` is the session that asks; a LOGIN challenge has none and is open to whoever holds its id.
   */
  async claimAttempt(challengeId: string, callerSessionId: string | null, now: Date): Promise<Challenge | null> {
    const isOpenToCaller = callerSessionId
      ? or(isNull(mfaChallenges.sessionId), eq(mfaChallenges.sessionId, callerSessionId))
      : isNull(mfaChallenges.sessionId)
    const [row] = await db
      .update(mfaChallenges)
      .set({ attempts: sql`${mfaChallenges.attempts} + 1` })
      .where(
        and(
          eq(mfaChallenges.id, challengeId),
          isNull(mfaChallenges.consumedAt),
          gt(mfaChallenges.expiresAt, now),
          lt(mfaChallenges.attempts, maxChallengeAttempts),
          isOpenToCaller,
        ),
      )
      .returning(challengeColumns)
    return row ?? null
  },

  /** Spends the challenge: true for exactly one of any number of calls. */
  async spend(challengeId: string, now: Date): Promise<boolean> {
    const rows = await db
      .update(mfaChallenges)
      .set({ consumedAt: now })
      .where(and(eq(mfaChallenges.id, challengeId), isNull(mfaChallenges.consumedAt)))
      .returning({ id })
    return rows.length === 1
  },
})
