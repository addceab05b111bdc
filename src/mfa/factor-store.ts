import { and, asc, desc, eq, inArray, isNull, ne, sql } from 'drizzle-orm'
import type { Account } from '../accounts/account.ts'
import { accountColumns } from '../accounts/account-store.ts'
import type { Db } from '../db/client.ts'
import { users } from '../db/tables/accounts.ts'
import { backupCodes, mfaConfigurations } from '../db/tables/mfa.ts'
import { type Factor, maxFailuresInRow } from './factor.ts'

export interface SealedFactor extends Factor {
  readonly sealedSecret: string
  readonly lastUsedStep: number | null
}

export type FactorStore = ReturnType<typeof createFactorStore>

const { id, userId, method, label, status, preferred, maskedPhoneNumber, createdAt, activatedAt, lastUsedAt } =
  mfaConfigurations
const factorColumns = {
  id,
  userId,
  method,
  label,
  status,
  preferred,
  maskedPhoneNumber,
  createdAt,
  activatedAt,
  lastUsedAt,
}
export const sealedFactorColumns = {
  ...factorColumns,
  sealedSecret: mfaConfigurations.sealedSecret,
  lastUsedStep: mfaConfigurations.lastUsedStep,
}

const offeredFirst = [desc(preferred), asc(createdAt)]

/** Second factors and backup codes. Whoever changes them holds the lock of their owner's account. */
export const createFactorStore = (db: Db) => ({
  /** Every factor of these users, pending ones included, the preferred first and then the oldest. */
  async listFor(userIds: readonly string[]): Promise<Factor[]> {
    return db
      .select(factorColumns)
      .from(mfaConfigurations)
      .where(inArray(userId, [...userIds]))
      .orderBy(...offeredFirst)
  },

  /** The factors in force, the preferred first and then the oldest. */
  async listActive(ownerId: string): Promise<Factor[]> {
    return db
      .select(factorColumns)
      .from(mfaConfigurations)
      .where(and(eq(userId, ownerId), eq(status, 'ACTIVE')))
      .orderBy(...offeredFirst)
  },

  /** The same with their secrets, and those that are disabled. */
  async listSealed(ownerId: string): Promise<SealedFactor[]> {
    return db
      .select(sealedFactorColumns)
      .from(mfaConfigurations)
      .where(and(eq(userId, ownerId), ne(status, 'PENDING')))
  },

  /** All of them with their secrets, pending ones included, the oldest first. */
  async listEverySealed(ownerId: string): Promise<SealedFactor[]> {
    return db.select(sealedFactorColumns).from(mfaConfigurations).where(eq(userId, ownerId)).orderBy(asc(createdAt))
  },

  /** Starts an enrolment over: an abandoned one of the same user is dropped, with its challenges. */
  async insertPending(factor: SealedFactor): Promise<void> {
    await db.delete(mfaConfigurations).where(and(eq(userId, factor.userId), eq(status, 'PENDING')))
    await db.insert(mfaConfigurations).values(factor)
  },

  /** Makes a pending factor active, and preferred when it is the user's first. Null when it was not pending. */
  async activate(factorId: string, isFirst: boolean, now: Date): Promise<Factor | null> {
    const [row] = await db
      .update(mfaConfigurations)
      .set({ status: 'ACTIVE', activatedAt: now, preferred: isFirst })
      .where(and(eq(id, factorId), eq(status, 'PENDING')))
      .returning(factorColumns)
    return row ?? null
  },

  /** Notes on the account whether a factor is in force, which is what sign-in goes by, and returns it so. */
  async setEnabled(ownerId: string, isEnabled: boolean): Promise<Account> {
    const [row] = await db
      .update(users)
      .set({ mfaEnabled: isEnabled, version: sql`${users.version} + 1` })
      .where(eq(users.id, ownerId))
      .returning(accountColumns)
    return row as Account
  },

  async rename(ownerId: string, factorId: string, newLabel: string): Promise<Factor | null> {
    const [row] = await db
      .update(mfaConfigurations)
      .set({ label: newLabel })
      .where(and(eq(id, factorId), eq(userId, ownerId)))
      .returning(factorColumns)
    return row ?? null
  },

  /** Makes an active factor the one that challenges offer first. Null when the user has no such factor in force. */
  async prefer(ownerId: string, factorId: string): Promise<Factor | null> {
    const own = and(eq(id, factorId), eq(userId, ownerId), eq(status, 'ACTIVE'))
    const [known] = await db.select({ id }).from(mfaConfigurations).where(own)
    if (!known) return null
    await db
      .update(mfaConfigurations)
      .set({ preferred: false })
      .where(and(eq(userId, ownerId), preferred))
    const [row] = await db.update(mfaConfigurations).set({ preferred: true }).where(own).returning(factorColumns)
    return row ?? null
  },

  /** Removes a factor; the oldest of the others in force takes its place as the preferred. Null when there was none. */
  async remove(ownerId: string, factorId: string): Promise<Factor | null> {
    const [row] = await db
      .delete(mfaConfigurations)
      .where(and(eq(id, factorId), eq(userId, ownerId)))
      .returning(factorColumns)
    if (row?.preferred) {
      const oldest = db
        .select({ id })
        .from(mfaConfigurations)
        .where(and(eq(userId, ownerId), eq(status, 'ACTIVE')))
        .orderBy(createdAt)
        .limit(1)
      await db.update(mfaConfigurations).set({ preferred: true }).where(inArray(id, oldest))
    }
    return row ?? null
  },

  /** Removes every factor of a user, pending ones too, and says how many were in force or disabled. */
  async removeAll(ownerId: string): Promise<number> {
    const rows = await db.delete(mfaConfigurations).where(eq(userId, ownerId)).returning({ status })
    return rows.filter((row) => row.status !== 'PENDING').length
  },

  /** Counts a wrong code against each factor that it was compared with, and returns those that it disabled. */
  async countFailure(factorIds: readonly string[]): Promise<Factor[]> {
    if (factorIds.length === 0) return []
    const failures = sql`${mfaConfigurations.failuresInRow} + 1`
    const rows = await db
      .update(mfaConfigurations)
      .set({
        failuresInRow: failures,
        status: sql`case when ${failures} >= ${maxFailuresInRow} then 'DISABLED' else ${status} end`,
      })
      .where(and(inArray(id, [...factorIds]), ne(status, 'DISABLED')))
      .returning(factorColumns)
    return rows.filter((factor) => factor.status === 'DISABLED')
  },

  /** Replaces the user's backup codes: a new set voids the old. `hashes[slot]` is the code that begins with that digit. */
  async replaceBackupCodes(ownerId: string, hashes: readonly string[], now: Date): Promise<void> {
    await db.delete(backupCodes).where(eq(backupCodes.userId, ownerId))
    if (hashes.length === 0) return
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
