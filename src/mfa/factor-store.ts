import { and, desc, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { backupCodes, mfaConfigurations, users } from '../db/tables.ts'
import type { Factor } from './factor.ts'

export interface SealedFactor extends Factor {
  readonly sealedSecret: string
  readonly lastUsedStep: number | null
}

export type FactorStore = ReturnType<typeof createFactorStore>

const { id, userId, method, label, status, preferred, createdAt, activatedAt, lastUsedAt } = mfaConfigurations
const factorColumns = { id, userId, method, label, status, preferred, createdAt, activatedAt, lastUsedAt }
export const sealedFactorColumns = {
  ...factorColumns,
  sealedSecret: mfaConfigurations.sealedSecret,
  lastUsedStep: mfaConfigurations.lastUsedStep,
}

/** Second factors and backup codes. */
export const createFactorStore = (db: Db) => ({
  /** Every factor of these users, pending ones included, the preferred first and then the oldest. */
  async listFor(userIds: readonly string[]): Promise<Factor[]> {
    return db
      .select(factorColumns)
      .from(mfaConfigurations)
      .where(inArray(mfaConfigurations.userId, [...userIds]))
      .orderBy(desc(mfaConfigurations.preferred), mfaConfigurations.createdAt)
  },

  /** The factors in force, the preferred first and then the oldest. */
  async listActive(ownerId: string): Promise<Factor[]> {
    return db
      .select(factorColumns)
      .from(mfaConfigurations)
      .where(and(eq(mfaConfigurations.userId, ownerId), eq(mfaConfigurations.status, 'ACTIVE')))
      .orderBy(desc(mfaConfigurations.preferred), mfaConfigurations.createdAt)
  },

  /** Makes changes of one user's factors take turns, until the transaction ends. */
  async lockOwner(ownerId: string): Promise<void> {
    await db.select({ id: users.id }).from(users).where(eq(users.id, ownerId)).for('no key update')
  },

  /** Starts an enrolment over: an abandoned one of the same user is dropped, with its challenges. */
  async insertPending(factor: SealedFactor): Promise<void> {
    await db
      .delete(mfaConfigurations)
      .where(and(eq(mfaConfigurations.userId, factor.userId), eq(mfaConfigurations.status, 'PENDING')))
    await db.insert(mfaConfigurations).values(factor)
  },

  /** Accepts a TOTP time step once: false when this step or a later one was accepted before (RFC 6238 §5.2). */
  async claimTimeStep(factorId: string, step: number, now: Date): Promise<boolean> {
    const { lastUsedStep } = mfaConfigurations
    const rows = await db
      .update(mfaConfigurations)
      .set({ lastUsedStep: step, lastUsedAt: now })
      .where(and(eq(mfaConfigurations.id, factorId), or(isNull(lastUsedStep), lt(lastUsedStep, step))))
      .returning({ id })
    return rows.length === 1
  },

  /** Makes a pending factor active, and preferred when it is the user's first. Null when it was not pending. */
  async activate(factorId: string, isFirst: boolean, now: Date): Promise<Factor | null> {
    const [row] = await db
      .update(mfaConfigurations)
      .set({ status: 'ACTIVE', activatedAt: now, preferred: isFirst })
      .where(and(eq(mfaConfigurations.id, factorId), eq(mfaConfigurations.status, 'PENDING')))
      .returning(factorColumns)
    return row ?? null
  },

  /** Replaces the user's backup codes: a new set voids the old. `hashes[slot]` is the code that begins with that digit. */
  async replaceBackupCodes(ownerId: string, hashes: readonly string[], now: Date): Promise<void> {
    await db.delete(backupCodes).where(eq(backupCodes.userId, ownerId))
    await db
      .insert(backupCodes)
      .values(hashes.map((codeHash, slot) => ({ userId: ownerId, slot, codeHash, createdAt: now })))
  },

  async countBackupCodes(userIds: readonly string[]): Promise<Map<string, number>> {
    const rows = await db
      .select({ userId: backupCodes.userId, unused: sql<number>`count(*)::int` })
      .from(backupCodes)
      .where(and(inArray(backupCodes.userId, [...userIds]), isNull(backupCodes.usedAt)))
      .groupBy(backupCodes.userId)
    return new Map(rows.map((row) => [row.userId, row.unused]))
  },
})
