import { and, desc, eq, gt, isNull, lt, or, sql } from 'drizzle-orm'
import type { Account } from '../accounts/account.ts'
import { eventInsertion } from '../audit/event-store.ts'
import type { EventReport } from '../audit/security-event.ts'
import type { Db } from '../db/client.ts'
import { mfaChallenges, mfaConfigurations, users } from '../db/tables.ts'
import { type Challenge, maxChallengeAttempts } from './challenge.ts'
import { type SealedFactor, sealedFactorColumns } from './factor-store.ts'

export interface ClaimedChallenge {
  readonly challenge: Challenge
  readonly user: Pick<Account, 'id' | 'sessionTag'>
  /** What may answer it, preferred first. */
  readonly factors: readonly SealedFactor[]
}

export type ChallengeStore = ReturnType<typeof createChallengeStore>

const { id, userId, purpose, sessionId, factorId, proofs, attempts, createdAt, expiresAt } = mfaChallenges
const challengeColumns = { id, userId, purpose, sessionId, factorId, proofs, attempts, createdAt, expiresAt }

/** Challenges. Claiming and spending are one statement each, so that many servers can share them. */
export const createChallengeStore = (db: Db) => {
  let claim: ReturnType<typeof prepareClaim> | undefined

  return {
    /** Opens a challenge and records it, in one statement. */
    async insert(challenge: Challenge, report: EventReport): Promise<void> {
      const { id: challengeId, userId: owner, purpose: act, sessionId: session, factorId: factor } = challenge
      await db.execute(sql`
        with challenge as (
          insert into ${mfaChallenges} (id, user_id, purpose, session_id, factor_id, proofs, created_at, expires_at)
          values (${challengeId}, ${owner}, ${act}, ${session}, ${factor},
            string_to_array(${challenge.proofs.join(' ')}, ' '),
            ${challenge.createdAt.toISOString()}, ${challenge.expiresAt.toISOString()})
        ),
        ${eventInsertion([report], challenge.createdAt)}
        select`)
    },

    /**
     * Claims one attempt and reads the factors that may answer: the one being enrolled, or else every active one. Null
     * when the challenge is unknown, spent, expired, out of attempts, or another session's. `callerSessionId` is the
     * session that asks; a LOGIN challenge has none and is open to whoever holds its id.
     */
    async claimAttempt(
      challengeId: string,
      callerSessionId: string | null,
      now: Date,
    ): Promise<ClaimedChallenge | null> {
      claim ??= prepareClaim(db)
      const rows = await claim.execute({ challengeId, callerSessionId, now: now.toISOString() })
      const [first] = rows
      if (!first) return null
      return {
        challenge: first.challenge,
        user: { id: first.challenge.userId, sessionTag: first.sessionTag },
        factors: rows.flatMap(({ factor }) => (factor ? [factor] : [])),
      }
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
  }
}

/** Made once a store: building the text of a statement costs as much as running it. */
const prepareClaim = (db: Db) => {
  const claimed = db.$with('claimed').as(
    db
      .update(mfaChallenges)
      .set({ attempts: sql`${mfaChallenges.attempts} + 1` })
      .where(
        and(
          eq(mfaChallenges.id, sql.placeholder('challengeId')),
          isNull(mfaChallenges.consumedAt),
          gt(mfaChallenges.expiresAt, sql`${sql.placeholder('now')}::timestamptz`),
          lt(mfaChallenges.attempts, maxChallengeAttempts),
          or(isNull(mfaChallenges.sessionId), eq(mfaChallenges.sessionId, sql.placeholder('callerSessionId'))),
        ),
      )
      .returning(challengeColumns),
  )
  const mayAnswer = or(
    and(isNull(claimed.factorId), eq(mfaConfigurations.status, 'ACTIVE')),
    and(eq(claimed.factorId, mfaConfigurations.id), eq(mfaConfigurations.status, 'PENDING')),
  )
  return db
    .with(claimed)
    .select({
      challenge: {
        id: claimed.id,
        userId: claimed.userId,
        purpose: claimed.purpose,
        sessionId: claimed.sessionId,
        factorId: claimed.factorId,
        proofs: claimed.proofs,
        attempts: claimed.attempts,
        createdAt: claimed.createdAt,
        expiresAt: claimed.expiresAt,
      },
      sessionTag: users.sessionTag,
      factor: sealedFactorColumns,
    })
    .from(claimed)
    .innerJoin(users, eq(users.id, claimed.userId))
    .leftJoin(mfaConfigurations, and(eq(mfaConfigurations.userId, claimed.userId), mayAnswer))
    .orderBy(desc(mfaConfigurations.preferred), mfaConfigurations.createdAt)
    .prepare('claim_challenge')
}
