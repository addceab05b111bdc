import { and, desc, eq, isNull, lt, lte, or, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { backupCodes, mfaChallenges, mfaConfigurations } from '../db/tables/mfa.ts'
import { type Challenge, maxSmsSends } from './challenge.ts'
import { challengeColumns, isOpenTo, mayAnswer } from './challenge-store.ts'
import { type SealedFactor, sealedFactorColumns } from './factor-store.ts'

/** An open challenge as `sendMfaCode` reads it. */
export interface OpenChallengeRow {
  readonly challenge: Challenge
  readonly sends: number
  readonly hasBackupCodes: boolean
  readonly factors: readonly SealedFactor[]
}

export type SmsSendStore = ReturnType<typeof createSmsSendStore>

const { id, userId, smsSentAt, smsClaimedAt } = mfaChallenges

/** The sending of codes to challenges. */
export const createSmsSendStore = (db: Db) => ({
  /** Claims the sending of a code: at most one in the pause since the last, and five in all. False when it must wait. */
  async claim(challengeId: string, callerSessionId: string | null, lastSentBefore: Date, now: Date): Promise<boolean> {
    const rows = await db
      .update(mfaChallenges)
      .set({ smsClaimedAt: now, smsSends: sql`${mfaChallenges.smsSends} + 1` })
      .where(
        and(
          isOpenTo(challengeId, callerSessionId, now),
          lt(mfaChallenges.smsSends, maxSmsSends),
          or(isNull(smsClaimedAt), lte(smsClaimedAt, lastSentBefore)),
        ),
      )
      .returning({ id })
    return rows.length === 1
  },

  /** Takes back a claim whose message did not go out; the code before it stays good. */
  async takeBack(challengeId: string, claimedAt: Date): Promise<void> {
    await db
      .update(mfaChallenges)
      .set({ smsClaimedAt: smsSentAt, smsSends: sql`${mfaChallenges.smsSends} - 1` })
      .where(and(eq(id, challengeId), eq(smsClaimedAt, claimedAt)))
  },

  /** Keeps the code that was just sent; the one before it is void. */
  async keepCode(challengeId: string, factor: string, codeDigest: string, sentAt: Date): Promise<void> {
    await db
      .update(mfaChallenges)
      .set({ smsFactorId: factor, smsCodeDigest: codeDigest, smsSentAt: sentAt })
      .where(eq(id, challengeId))
  },

  /** An open challenge, what may answer it, and how often a code was sent; null for anyone it is not open to. */
  async findOpen(challengeId: string, callerSessionId: string | null, now: Date): Promise<OpenChallengeRow | null> {
    const rows = await db
      .select({
        challenge: challengeColumns,
        sends: mfaChallenges.smsSends,
        hasBackupCodes: sql<boolean>`exists (
          select 1 from ${backupCodes} where ${backupCodes.userId} = ${userId} and ${backupCodes.usedAt} is null
        )`,
        factor: sealedFactorColumns,
      })
      .from(mfaChallenges)
      .leftJoin(mfaConfigurations, mayAnswer(challengeColumns))
      .where(isOpenTo(challengeId, callerSessionId, now))
      .orderBy(desc(mfaConfigurations.preferred), mfaConfigurations.createdAt)
    const [first] = rows
    if (!first) return null
    const { challenge, sends, hasBackupCodes } = first
    return { challenge, sends, hasBackupCodes, factors: rows.flatMap(({ factor }) => (factor ? [factor] : [])) }
  },
})
