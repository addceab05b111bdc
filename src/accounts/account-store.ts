import { and, eq, gt, inArray, ne, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { emailConfirmations, users } from '../db/tables/accounts.ts'
import { type Account, emailKeyOf, type Role, type UserStatus } from './account.ts'

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
  readonly email: string
  readonly passwordHash: string
  readonly displayName: string | null
  readonly createdAt: Date
  readonly expiresAt: Date
}

/** What a registration asked for, to be taken over once its mailbox has confirmed it. */
export type ChosenRegistration = Pick<NewConfirmation, 'userId' | 'email' | 'passwordHash' | 'displayName'>

/** An account with the hash of its password, and which password of its that is. */
export interface Credentials {
  readonly account: Account
  readonly passwordHash: string | null
  readonly passwordVersion: number
}

export type AccountStore = ReturnType<typeof createAccountStore>

const {
  id,
  email,
  displayName,
  role,
  status,
  sessionTag,
  version,
  mfaEnabled,
  emailConfirmedAt,
  createdAt,
  lastLoginAt,
} = users
export const accountColumns = {
  id,
  email,
  displayName,
  role,
  status,
  sessionTag,
  version,
  mfaEnabled,
  emailConfirmedAt,
  createdAt,
  lastLoginAt,
}
/** A row of `users` as a hand-written statement returns it. */
export interface AccountRow extends Record<string, unknown> {
  readonly id: string
  readonly email: string
  readonly display_name: string | null
  readonly role: Role
  readonly status: UserStatus
  readonly session_tag: string
  readonly version: number
  readonly mfa_enabled: boolean
  readonly email_confirmed_at: string | null
  readonly created_at: string
  readonly last_login_at: string | null
}

const instant = (text: string | null): Date | null => (text === null ? null : new Date(text))

/** The account in such a row. */
export const accountFromRow = (row: AccountRow): Account => ({
  id: row.id,
  email: row.email,
  displayName: row.display_name,
  role: row.role,
  status: row.status,
  sessionTag: row.session_tag,
  version: row.version,
  mfaEnabled: row.mfa_enabled,
  emailConfirmedAt: instant(row.email_confirmed_at),
  createdAt: new Date(row.created_at),
  lastLoginAt: instant(row.last_login_at),
})

const nextVersion = sql`${users.version} + 1`

/** Accounts, and the registrations that wait for their mailbox. */
export const createAccountStore = (db: Db) => ({
  async findByIds(ids: readonly string[]): Promise<Account[]> {
    return ids.length === 0
      ? []
      : db
          .select(accountColumns)
          .from(users)
          .where(inArray(users.id, [...ids]))
  },

  async findCredentials(userId: string): Promise<Credentials | null> {
    const [row] = await db
      .select({ account: accountColumns, passwordHash: users.passwordHash, passwordVersion: users.passwordVersion })
      .from(users)
      .where(eq(id, userId))
    return row ?? null
  },

  /** The account that an address belongs to; null when there is none, or it is PENDING and gives way. */
  async findHolder(address: string): Promise<Account | null> {
    const [row] = await db
      .select(accountColumns)
      .from(users)
      .where(and(eq(users.emailKey, emailKeyOf(address)), ne(status, 'PENDING')))
    return row ?? null
  },

  /**
   * Makes changes of an account take turns until the transaction ends, and returns it as it is now if it is ACTIVE. One that
   * it acts on is locked with it, in the same order by everybody, so that two users who act on each other don't deadlock.
   */
  async lock(userId: string, actsOn: string = userId): Promise<Account | null> {
    const rows = await db
      .select(accountColumns)
      .from(users)
      .where(inArray(id, [userId, actsOn]))
      .orderBy(id)
      .for('no key update')
    return rows.find((row) => row.id === userId && row.status === 'ACTIVE') ?? null
  },

  /**
   * Moves an account from one status to another, and holds its lock until the transaction ends: of any number of calls
   * one does it, and null comes back to the others.
   */
  async changeStatus(userId: string, change: { from: UserStatus; to: UserStatus }): Promise<Account | null> {
    const [row] = await db
      .update(users)
      .set({ status: change.to, version: nextVersion })
      .where(and(eq(id, userId), eq(status, change.from)))
      .returning(accountColumns)
    return row ?? null
  },

  /** Gives an ACTIVE or SUSPENDED account a role; null where it is neither. */
  async changeRole(userId: string, newRole: Role): Promise<Account | null> {
    const [row] = await db
      .update(users)
      .set({ role: newRole, version: nextVersion })
      .where(and(eq(id, userId), inArray(status, ['ACTIVE', 'SUSPENDED'])))
      .returning(accountColumns)
    return row ?? null
  },

  /** Sets a new password: whoever proved the one before proved nothing. */
  async setPassword(userId: string, passwordHash: string): Promise<Account> {
    const [row] = await db
      .update(users)
      .set({ passwordHash, passwordVersion: sql`${users.passwordVersion} + 1`, version: nextVersion })
      .where(eq(id, userId))
      .returning(accountColumns)
    return row as Account
  },

  /** Replaces an outdated hash of the same password, unless the password was changed meanwhile. */
  async replaceHash(userId: string, outdated: string, passwordHash: string): Promise<void> {
    await db
      .update(users)
      .set({ passwordHash })
      .where(and(eq(id, userId), eq(users.passwordHash, outdated)))
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

  /**
   * Spends the token and returns what its registration chose: of any number of calls, one gets it. The account is
   * locked first, so that the tokens of several registrations take turns.
   */
  async spendConfirmation(tokenHash: string, now: Date) {
    const { userId, email: chosenEmail, passwordHash, displayName: chosenName } = emailConfirmations
    const ownerId = db.select({ userId }).from(emailConfirmations).where(eq(emailConfirmations.tokenHash, tokenHash))
    await db.select({ id }).from(users).where(eq(id, ownerId)).for('no key update')
    const [row] = await db
      .delete(emailConfirmations)
      .where(and(eq(emailConfirmations.tokenHash, tokenHash), gt(emailConfirmations.expiresAt, now)))
      .returning({ userId, email: chosenEmail, passwordHash, displayName: chosenName })
    return row ?? null
  },

  /** Makes a PENDING account ACTIVE with what its confirmed registration chose; null when it was no longer PENDING. */
  async activate({ userId, ...chosen }: ChosenRegistration, now: Date): Promise<Account | null> {
    const [row] = await db
      .update(users)
      .set({ ...chosen, status: 'ACTIVE', emailConfirmedAt: now, version: nextVersion })
      .where(and(eq(users.id, userId), eq(users.status, 'PENDING')))
      .returning(accountColumns)
    // Whatever others registered for this address is void now (threat E10).
    if (row) await db.delete(emailConfirmations).where(eq(emailConfirmations.userId, userId))
    return row ?? null
  },

  /** Opens an ACTIVE account at once, or makes a PENDING one so. Null when the address has any other account. */
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
        setWhere: eq(users.status, 'PENDING'),
      })
      .returning(accountColumns)
    return row ?? null
  },

  async hasAdministrator(): Promise<boolean> {
    const [row] = await db.select({ id }).from(users).where(eq(users.role, 'ADMIN')).limit(1)
    return row !== undefined
  },

  /**
   * Whether no other ACTIVE account is an administrator's. Holds a lock until the transaction ends, so that of those who take
   * administrators away at once each sees what the others left. To be asked after the accounts were locked.
   */
  async isLastAdministrator(userId: string): Promise<boolean> {
    await db.execute(sql`select pg_advisory_xact_lock(hashtext('gatehouse administrators'))`)
    const [other] = await db
      .select({ id })
      .from(users)
      .where(and(eq(role, 'ADMIN'), eq(status, 'ACTIVE'), ne(id, userId)))
      .limit(1)
    return other === undefined
  },
})
