import { and, eq, gt, inArray, isNull, ne, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { emailConfirmations, users } from '../db/tables.ts'
import { type Account, emailKeyOf, type Role } from './account.ts'

export interface NewAccount {
  readonly id: string
  readonly email: string
  readonly sessionTag: string
  readonly createdAt: Date
}

export interface NewConfirmation {
  readonly id: string
  readonly userId: string
  readonly tokenHash: string
  readonly passwordHash: string
  readonly displayName: string | null
  readonly createdAt: Date
  readonly expiresAt: Date
}

export interface Credentials {
  readonly account: Account
  readonly passwordHash: string | null
}

export type AccountStore = ReturnType<typeof createAccountStore>

const { id, email, displayName, role, status, sessionTag, version, emailConfirmedAt, createdAt, lastLoginAt } = users
export const accountColumns = {
  id,
  email,
  displayName,
  role,
  status,
  sessionTag,
  version,
  emailConfirmedAt,
  createdAt,
  lastLoginAt,
}
const nextVersion = sql`${users.version} + 1`

export const createAccountStore = (db: Db) => ({
  async findByIds(ids: readonly string[]): Promise<Account[]> {
    return ids.length === 0
      ? []
      : db
          .select(accountColumns)
          .from(users)
          .where(inArray(users.id, [...ids]))
  },

  async findCredentials(address: string): Promise<Credentials | null> {
    const [row] = await db
      .select({ account: accountColumns, passwordHash: users.passwordHash })
      .from(users)
      .where(eq(users.emailKey, emailKeyOf(address)))
    return row ?? null
  },

  /**
   * Returns the account that holds the address: a new PENDING one, or the one that was there. Both cost one write, so
   * that the time tells nobody which it was (ASVS 6.3.8).
   */
  async claimAddress(account: NewAccount): Promise<Account> {
    const [row] = await db
      .insert(users)
      .values({ ...account, emailKey: emailKeyOf(account.email), role: 'USER', status: 'PENDING' })
      .onConflictDoUpdate({ target: users.emailKey, set: { version: nextVersion } })
      .returning(accountColumns)
    return row as Account
  },

  async addConfirmation(confirmation: NewConfirmation): Promise<void> {
    await db.insert(emailConfirmations).values(confirmation)
  },

  /** Spends the token: of any number of calls, one gets the row. */
  async spendConfirmation(tokenHash: string, now: Date) {
    const { userId, passwordHash, displayName: chosenName } = emailConfirmations
    const [row] = await db
      .update(emailConfirmations)
      .set({ consumedAt: now })
      .where(
        and(
          eq(emailConfirmations.tokenHash, tokenHash),
          isNull(emailConfirmations.consumedAt),
          gt(emailConfirmations.expiresAt, now),
        ),
      )
      .returning({ userId, passwordHash, displayName: chosenName })
    return row ?? null
  },

  /** Makes a PENDING account ACTIVE with what its confirmed registration chose; null when it was no longer PENDING. */
  async activate(
    userId: string,
    chosen: { passwordHash: string; displayName: string | null },
    now: Date,
  ): Promise<Account | null> {
    const [row] = await db
      .update(users)
      .set({
        passwordHash: chosen.passwordHash,
        displayName: chosen.displayName,
        status: 'ACTIVE',
        emailConfirmedAt: now,
        version: nextVersion,
      })
      .where(and(eq(users.id, userId), eq(users.status, 'PENDING')))
      .returning(accountColumns)
    if (!row) return null
    // Whatever others registered for this address is void now (threat E10).
    await db
      .delete(emailConfirmations)
      .where(and(eq(emailConfirmations.userId, userId), isNull(emailConfirmations.consumedAt)))
    return row
  },

  async recordLogin(userId: string, now: Date): Promise<Account> {
    const [row] = await db
      .update(users)
      .set({ lastLoginAt: now, version: nextVersion })
      .where(and(eq(users.id, userId), eq(users.status, 'ACTIVE')))
      .returning(accountColumns)
    if (!row) throw new Error('An account that was about to sign in is not ACTIVE')
    return row
  },

  /** Opens an ACTIVE account at once, or makes a PENDING one so. Null when the address has an active account. */
  async provision(account: NewAccount & { passwordHash: string; role: Role }): Promise<Account | null> {
    const opened = {
      passwordHash: account.passwordHash,
      role: account.role,
      status: 'ACTIVE',
      emailConfirmedAt: account.createdAt,
    } as const
    const [row] = await db
      .insert(users)
      .values({ ...account, ...opened, emailKey: emailKeyOf(account.email) })
      .onConflictDoUpdate({
        target: users.emailKey,
        set: { ...opened, version: nextVersion },
        setWhere: ne(users.status, 'ACTIVE'),
      })
      .returning(accountColumns)
    return row ?? null
  },

  async hasAdministrator(): Promise<boolean> {
    const [row] = await db.select({ id }).from(users).where(eq(users.role, 'ADMIN')).limit(1)
    return row !== undefined
  },
})
