import { and, eq, gt, ne, notExists, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Db } from '../db/client.ts'
import { emailChanges, emailConfirmations, passwordResets, users } from '../db/tables/accounts.ts'
import { attemptBudgets } from '../db/tables/budgets.ts'
import { type Account, emailKeyOf } from './account.ts'
import { accountColumns } from './account-store.ts'
import { AddressTaken } from './email-change.ts'

export interface NewReset {
  readonly id: string
  /** Null for a request that leads nowhere. */
  readonly userId: string | null
  readonly tokenHash: string
  readonly createdAt: Date
  readonly expiresAt: Date
}

export interface NewEmailChange extends NewReset {
  readonly userId: string
  readonly newEmail: string
}

export type RecoveryStore = ReturnType<typeof createRecoveryStore>

const uniqueViolation = '23505'

/** Requests for a new password, and new addresses that wait for their mailbox. Of each, a user's newest alone counts. */
export const createRecoveryStore = (db: Db) => ({
  /** The account at an address, unless it is PENDING, under its lock: requests for it take turns, also with a change of the address. */
  async lockByEmail(address: string): Promise<Account | null> {
    const [row] = await db
      .select(accountColumns)
      .from(users)
      .where(and(eq(users.emailKey, emailKeyOf(address)), ne(users.status, 'PENDING')))
      .for('no key update')
    return row ?? null
  },

  /** Writes a request down and voids the user's older ones. The statements are the same where there is no user. */
  async insertReset(reset: NewReset): Promise<void> {
    await db.delete(passwordResets).where(sql`${passwordResets.userId} = ${reset.userId}::uuid`)
    await db.insert(passwordResets).values(reset)
  },

  /** Whose password an unexpired token resets; spends nothing. */
  async findResetOwner(tokenHash: string, now: Date): Promise<Account | null> {
    const [row] = await db
      .select(accountColumns)
      .from(passwordResets)
      .innerJoin(users, and(eq(users.id, passwordResets.userId), eq(users.status, 'ACTIVE')))
      .where(and(eq(passwordResets.tokenHash, tokenHash), gt(passwordResets.expiresAt, now)))
    return row ?? null
  },

  /** Spends an unexpired token: true for exactly one of any number of calls. */
  async spendReset(tokenHash: string, now: Date): Promise<boolean> {
    const rows = await db
      .delete(passwordResets)
      .where(and(eq(passwordResets.tokenHash, tokenHash), gt(passwordResets.expiresAt, now)))
      .returning({ id: passwordResets.id })
    return rows.length === 1
  },

  /** Under the owner's lock. Voids the user's older changes. */
  async insertEmailChange(change: NewEmailChange): Promise<void> {
    await db.delete(emailChanges).where(eq(emailChanges.userId, change.userId))
    await db.insert(emailChanges).values(change)
  },

  /**
   * Spends an unexpired token and returns its owner, whose account is locked first, and the address it confirms: of any
   * number of calls, one gets them.
   */
  async spendEmailChange(tokenHash: string, now: Date): Promise<{ owner: Account; newEmail: string } | null> {
    const { userId, newEmail } = emailChanges
    const ownerId = db.select({ userId }).from(emailChanges).where(eq(emailChanges.tokenHash, tokenHash))
    const [owner] = await db
      .select(accountColumns)
      .from(users)
      .where(and(eq(users.id, ownerId), eq(users.status, 'ACTIVE')))
      .for('update') // as the change of a unique column needs: a weaker lock raised later can deadlock
    const [row] = await db
      .delete(emailChanges)
      .where(and(eq(emailChanges.tokenHash, tokenHash), gt(emailChanges.expiresAt, now)))
      .returning({ newEmail })
    return owner && row ? { owner, newEmail: row.newEmail } : null
  },

  /**
   * Gives a user a confirmed address. A PENDING account there gives way. Throws AddressTaken when any other holds it: of
   * two changes to one address at once, the unique index lets one pass.
   */
  async applyEmail(userId: string, newEmail: string, now: Date): Promise<Account> {
    const emailKey = emailKeyOf(newEmail)
    const [pending] = await db
      .select({ id: users.id })
      .from(users)
      .where(and(eq(users.emailKey, emailKey), eq(users.status, 'PENDING')))
      .for('update') // a registration or confirmation under way ends first
    if (pending) {
      await db.delete(emailConfirmations).where(eq(emailConfirmations.userId, pending.id))
      await db.delete(attemptBudgets).where(eq(attemptBudgets.userId, pending.id))
      await db.delete(users).where(eq(users.id, pending.id))
    }
    const other = alias(users, 'other')
    const holder = db
      .select({ id: other.id })
      .from(other)
      .where(and(eq(other.emailKey, emailKey), ne(other.id, userId)))
    const changes = { email: newEmail, emailKey, emailConfirmedAt: now, version: sql`${users.version} + 1` }
    const [account] = await db
      .update(users)
      .set(changes)
      .where(and(eq(users.id, userId), notExists(holder)))
      .returning(accountColumns)
      .catch((problem: { cause?: { code?: unknown } }) => {
        throw problem.cause?.code === uniqueViolation ? new AddressTaken() : problem
      })
    if (!account) throw new AddressTaken()
    return account
  },

  /** Voids the changes to an address that has a holder: they lead nowhere, and name whom they leave. */
  async voidChangesTo(address: string): Promise<void> {
    await db.delete(emailChanges).where(sql`lower(${emailChanges.newEmail}) = ${emailKeyOf(address)}`)
  },

  /** Voids every token of a user, of both kinds. */
  async voidAll(userId: string): Promise<void> {
    await db.delete(passwordResets).where(eq(passwordResets.userId, userId))
    await db.delete(emailChanges).where(eq(emailChanges.userId, userId))
  },
})
