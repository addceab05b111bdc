import { and, desc, eq, gt, isNotNull, isNull, lt, notExists, or, type SQL, sql } from 'drizzle-orm'
import type { AnyPgColumn } from 'drizzle-orm/pg-core'
import type { Account } from '../accounts/account.ts'
import { eventInsertion } from '../audit/event-store.ts'
import type { EventReport } from '../audit/security-event.ts'
import { mfaBudget } from '../budgets/budget.ts'
import { budgetClaim } from '../budgets/budget-store.ts'
import type { Db } from '../db/client.ts'
import { users } from '../db/tables/accounts.ts'
import { attemptBudgets } from '../db/tables/budgets.ts'
import { backupCodes, mfaChallenges, mfaConfigurations } from '../db/tables/mfa.ts'
import { sessionTickets } from '../db/tables/sessions.ts'
import type { SignInHistory } from '../risk/sign-in.ts'
import { historyFrom, signInHistoryOf } from '../risk/sign-in-history-store.ts'
import { type Challenge, maxChallengeAttempts } from './challenge.ts'
import { type SealedFactor, sealedFactorColumns } from './factor-store.ts'
import type { AnsweredChallenge, Proof } from './proof.ts'

export interface ClaimedChallenge {
  readonly challenge: Challenge
  readonly smsCodeDigest: string | null
  readonly passwordHash: string | null
  readonly user: Pick<Account, 'id' | 'email' | 'sessionTag'>
  /** What may answer it, preferred first. */
  readonly factors: readonly SealedFactor[]
  /** The hash of the unused backup code in the slot that was asked for; null where there is none. */
  readonly backupCodeHash: string | null
  /** How many tries of the account's budget are used, this one included; null when none was left. */
  readonly triesUsed: number | null
  /** Where its user signed in from before. */
  readonly history: SignInHistory
}

/** What keeps an open challenge from being answered. */
export interface ChallengeLock {
  readonly userId: string
  readonly until: Date
}

export type ChallengeStore = ReturnType<typeof createChallengeStore>

export const challengeColumns = {
  id: mfaChallenges.id,
  userId: mfaChallenges.userId,
  purpose: mfaChallenges.purpose,
  sessionId: mfaChallenges.sessionId,
  factorId: mfaChallenges.factorId,
  proofs: mfaChallenges.proofs,
  passwordVersion: mfaChallenges.passwordVersion,
  transport: mfaChallenges.transport,
  attempts: mfaChallenges.attempts,
  smsFactorId: mfaChallenges.smsFactorId,
  smsSentAt: mfaChallenges.smsSentAt,
  createdAt: mfaChallenges.createdAt,
  expiresAt: mfaChallenges.expiresAt,
}
const { id, userId, sessionId, attempts, expiresAt } = challengeColumns

/**
 * The statements that answer a challenge, as common table expressions: `spendable` has a row while it is open, `answered`
 * where the proof counted too. The lock makes equal answers take turns; whoever comes later sees the challenge spent, or
 * the code used. `condition` must hold for either.
 */
export const challengeAnswer = (
  { challengeId, proof }: AnsweredChallenge,
  owner: string,
  at: string,
  condition: SQL = sql`true`,
): SQL => sql`
  spendable as materialized (
    select id, sms_code_digest from ${mfaChallenges}
    where id = ${challengeId} and consumed_at is null and ${condition} for update
  ),
  proof as (${proofClaim(proof, owner, at)}),
  answered as (
    update ${mfaChallenges} set consumed_at = ${at}
    where id in (select id from spendable) and exists (select 1 from proof)
    returning id
  )`

const proofClaim = (proof: Proof, owner: string, at: string): SQL => {
  if (proof.method === 'BACKUP_CODE') {
    return sql`
      update ${backupCodes} set used_at = ${at}
      where user_id = ${owner} and slot = ${proof.slot} and code_hash = ${proof.codeHash} and used_at is null
        and exists (select 1 from spendable)
      returning slot`
  }
  const isUnused =
    proof.method === 'TOTP'
      ? sql`(last_used_step is null or last_used_step < ${proof.timeStep}) and exists (select 1 from spendable)`
      : sql`exists (select 1 from spendable where sms_code_digest = ${proof.codeDigest})`
  const step = proof.method === 'TOTP' ? sql`last_used_step = ${proof.timeStep},` : sql``
  return sql`
    update ${mfaConfigurations} set ${step} last_used_at = ${at}, failures_in_row = 0
    where id = ${proof.factorId} and user_id = ${owner} and status <> 'DISABLED' and ${isUnused}
    returning id`
}

/** Challenges. Claiming and answering are one statement each, so that many servers can share them. */
export const createChallengeStore = (db: Db) => {
  let claim: ReturnType<typeof prepareClaim> | undefined

  return {
    /** Opens a challenge and records it, in one statement. */
    async insert(challenge: Challenge, passwordHash: string | null, report: EventReport): Promise<void> {
      const { id: challengeId, userId: owner, purpose: act, sessionId: session, factorId: factor } = challenge
      await db.execute(sql`
        with challenge as (
          insert into ${mfaChallenges} (id, user_id, purpose, session_id, factor_id, proofs, transport, password_version, password_hash,
            created_at, expires_at)
          values (${challengeId}, ${owner}, ${act}, ${session}, ${factor},
            string_to_array(${challenge.proofs.join(' ')}, ' '), ${challenge.transport}, ${challenge.passwordVersion}, ${passwordHash},
            ${challenge.createdAt.toISOString()}, ${challenge.expiresAt.toISOString()})
        ),
        ${eventInsertion([report], challenge.createdAt)}
        select`)
    },

    /**
     * Claims one attempt at the challenge and one of the account's budget, and reads what may answer: the factor being
     * enrolled, or else every active one. Null when the challenge is unknown, spent, expired, out of attempts, another
     * session's, or its account locked: then nothing is written, so that a flood of tries costs reads only.
     * `callerSessionId` is the session that asks; a challenge without one is open to whoever holds its id. `device` is the
     * kind of device that answers.
     */
    async claimAttempt(
      challengeId: string,
      callerSessionId: string | null,
      backupCodeSlot: number | null,
      device: string,
      now: Date,
    ): Promise<ClaimedChallenge | null> {
      claim ??= prepareClaim(db)
      const rows = await claim.execute({ challengeId, callerSessionId, backupCodeSlot, device, now: now.toISOString() })
      const [first] = rows
      if (!first) return null
      const { challenge, smsCodeDigest, passwordHash, user, backupCodeHash, triesUsed } = first
      return {
        challenge,
        smsCodeDigest,
        passwordHash,
        user,
        factors: rows.flatMap(({ factor }) => (factor ? [factor] : [])),
        backupCodeHash,
        triesUsed,
        history: historyFrom(first.history),
      }
    },

    /** The lock on the account of a challenge that is open to the caller; null when there is none. */
    async findLock(challengeId: string, callerSessionId: string | null, now: Date): Promise<ChallengeLock | null> {
      const [row] = await db
        .select({ userId, until: attemptBudgets.windowEndsAt })
        .from(mfaChallenges)
        .innerJoin(attemptBudgets, isLocked(now))
        .where(isOpenTo(challengeId, callerSessionId, now))
      return row ?? null
    },

    /** Answers a challenge: it is spent and the code used by exactly one of any number of calls. */
    async answer(answered: AnsweredChallenge, owner: string, now: Date): Promise<'done' | 'spent' | 'replayed'> {
      const [row] = await db.execute<{ is_spendable: boolean; is_answered: boolean }>(sql`
        with ${challengeAnswer(answered, owner, now.toISOString())}
        select exists (select 1 from spendable) as is_spendable, exists (select 1 from answered) as is_answered`)
      if (row?.is_answered) return 'done'
      return row?.is_spendable ? 'replayed' : 'spent'
    },

    /** Voids every open challenge of a user, and every ticket that one led to: what they began no longer holds. */
    async voidAll(owner: string, now: Date): Promise<void> {
      await db.delete(sessionTickets).where(eq(sessionTickets.userId, owner))
      await db
        .update(mfaChallenges)
        .set({ consumedAt: now })
        .where(and(eq(userId, owner), isNull(mfaChallenges.consumedAt), gt(expiresAt, now)))
    },
  }
}

/** Open, and to this caller: a challenge that a session opened is that session's alone. */
export const isOpenTo = (challengeId: string, callerSessionId: string | null, now: Date) =>
  and(
    eq(id, challengeId),
    isNull(mfaChallenges.consumedAt),
    gt(expiresAt, now),
    callerSessionId ? or(isNull(sessionId), eq(sessionId, callerSessionId)) : isNull(sessionId),
  )

/** The factors that may answer a challenge: the one being enrolled, or else every active one of its user. */
export const mayAnswer = (challenge: Record<'userId' | 'factorId', AnyPgColumn>) =>
  and(
    eq(mfaConfigurations.userId, challenge.userId),
    or(
      and(isNull(challenge.factorId), eq(mfaConfigurations.status, 'ACTIVE')),
      and(eq(challenge.factorId, mfaConfigurations.id), eq(mfaConfigurations.status, 'PENDING')),
    ),
  )

const isLocked = (now: Date | SQL) =>
  and(
    eq(attemptBudgets.subject, sql`'mfa:' || ${userId}`),
    isNotNull(attemptBudgets.lockedAt),
    gt(attemptBudgets.windowEndsAt, now),
  )

/** Made once a store: building the text of a statement costs as much as running it. */
const prepareClaim = (db: Db) => {
  const now = sql`${sql.placeholder('now')}::timestamptz`
  const claimed = db.$with('claimed').as(
    db
      .update(mfaChallenges)
      .set({ attempts: sql`${mfaChallenges.attempts} + 1` })
      .where(
        and(
          eq(id, sql.placeholder('challengeId')),
          isNull(mfaChallenges.consumedAt),
          gt(expiresAt, now),
          lt(attempts, maxChallengeAttempts),
          or(isNull(sessionId), eq(sessionId, sql.placeholder('callerSessionId'))),
          notExists(db.select({ subject: attemptBudgets.subject }).from(attemptBudgets).where(isLocked(now))),
        ),
      )
      .returning({
        ...challengeColumns,
        smsCodeDigest: mfaChallenges.smsCodeDigest,
        passwordHash: mfaChallenges.passwordHash,
      }),
  )
  const budget = db
    .$with('budget', { used: sql<number>`used`.as('used') })
    .as(budgetClaim(sql`select 'mfa:' || user_id as subject, user_id from claimed`, mfaBudget, now))
  const { smsCodeDigest, passwordHash } = claimed
  return db
    .with(claimed, budget)
    .select({
      challenge: {
        id: claimed.id,
        userId: claimed.userId,
        purpose: claimed.purpose,
        sessionId: claimed.sessionId,
        factorId: claimed.factorId,
        proofs: claimed.proofs,
        passwordVersion: claimed.passwordVersion,
        transport: claimed.transport,
        attempts: claimed.attempts,
        smsFactorId: claimed.smsFactorId,
        smsSentAt: claimed.smsSentAt,
        createdAt: claimed.createdAt,
        expiresAt: claimed.expiresAt,
      },
      smsCodeDigest,
      passwordHash,
      user: { id: users.id, email: users.email, sessionTag: users.sessionTag },
      factor: sealedFactorColumns,
      backupCodeHash: sql<string | null>`(
        select ${backupCodes.codeHash} from ${backupCodes}
        where ${backupCodes.userId} = ${claimed.userId} and ${backupCodes.usedAt} is null
          and ${backupCodes.slot} = ${sql.placeholder('backupCodeSlot')}::integer
      )`,
      triesUsed: sql<number | null>`(select used from budget)`,
      history: signInHistoryOf(sql`${claimed.userId}`, sql`${sql.placeholder('device')}`),
    })
    .from(claimed)
    .innerJoin(users, eq(users.id, claimed.userId))
    .leftJoin(mfaConfigurations, mayAnswer(claimed))
    .orderBy(desc(mfaConfigurations.preferred), mfaConfigurations.createdAt)
    .prepare('claim_challenge')
}
