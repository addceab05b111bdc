import { eq, sql } from 'drizzle-orm'
import { passwordBudget } from '../budgets/budget.ts'
import { budgetClaim } from '../budgets/budget-store.ts'
import type { Db } from '../db/client.ts'
import { users } from '../db/tables/accounts.ts'
import { attemptBudgets } from '../db/tables/budgets.ts'
import { trustedDevices } from '../db/tables/devices.ts'
import { knownDevices } from '../db/tables/risk.ts'
import type { SignInHistory } from '../risk/sign-in.ts'
import { historyFrom, signInHistoryOf } from '../risk/sign-in-history-store.ts'
import { emailKeyOf } from './account.ts'
import { accountColumns, type Credentials } from './account-store.ts'

/** What a sign-in found at an address, and what it may still try. */
export interface SignInClaim {
  readonly known: Credentials | null
  /** The budget that the try was claimed from. */
  readonly subject: string
  /** Null when no try was left. */
  readonly triesUsed: number | null
  /** Until when no try is left for certain; null while some that were claimed are not decided yet. */
  readonly lockedUntil: Date | null
  /** Where the account signed in from before. */
  readonly history: SignInHistory
}

/** Where a sign-in comes from, as far as it decides whose budget pays. */
export interface SignInOrigin {
  readonly deviceTag: string | null
  readonly deviceTokenHash: string | null
  readonly label: string
  readonly network: string
}

export type SignInStore = ReturnType<typeof createSignInStore>

/** Tries at passwords. */
export const createSignInStore = (db: Db) => {
  let claim: ReturnType<typeof prepareClaim> | undefined

  return {
    /**
     * Claims one try at the password of an address, known or not, and reads the account in the same statement. A device
     * that is trusted, or that signed in from this network before, has a budget of its own: strangers can't use it up.
     */
    async claim(address: string, subject: string, origin: SignInOrigin, now: Date): Promise<SignInClaim> {
      claim ??= prepareClaim(db)
      const values = { emailKey: emailKeyOf(address), subject, ...origin, now: now.toISOString() }
      const [row] = await claim.execute(values)
      if (!row) throw new Error('A claim returned no row')
      const { account, passwordHash, passwordVersion } = row
      return {
        known: account && { account, passwordHash, passwordVersion: passwordVersion as number },
        subject: row.subject,
        triesUsed: row.triesUsed,
        lockedUntil: row.lockedUntil === null ? null : new Date(row.lockedUntil),
        history: historyFrom(row.history),
      }
    },
  }
}

/** Made once a store: building the text of a statement costs as much as running it. */
const prepareClaim = (db: Db) => {
  const now = sql`${sql.placeholder('now')}::timestamptz`
  const account = db.$with('account').as(
    db
      .select({ ...accountColumns, passwordHash: users.passwordHash, passwordVersion: users.passwordVersion })
      .from(users)
      .where(eq(users.emailKey, sql.placeholder('emailKey'))),
  )
  // A trusted device by its token, which a copy shares; else a device and network that signed in before.
  const paying = db
    .$with('paying', {
      subject: sql<string>`subject`.as('subject'),
      userId: sql<string | null>`user_id`.as('user_id'),
    })
    .as(sql`
      select (select id from account) as user_id, ${sql.placeholder('subject')}::text || case
        when exists (
          select 1 from ${trustedDevices} where user_id = (select id from account) and revoked_at is null
            and expires_at > ${now} and tag = ${sql.placeholder('deviceTag')} and token_hash = ${sql.placeholder('deviceTokenHash')}
        ) then ' device ' || ${sql.placeholder('deviceTag')}
        when exists (
          select 1 from ${knownDevices} where user_id = (select id from account)
            and label = ${sql.placeholder('label')} and network = ${sql.placeholder('network')}
        ) then ' from ' || ${sql.placeholder('network')} || ' ' || ${sql.placeholder('label')}
        else '' end as subject`)
  const budget = db.$with('budget', { used: sql<number>`used`.as('used') }).as(
    budgetClaim(
      // A locked budget is left alone: claiming it would only have tries wait for its row.
      sql`
          select subject, user_id from paying where not exists (
            select 1 from ${attemptBudgets} as closed
            where closed.subject = paying.subject and closed.locked_at is not null and closed.window_ends_at > ${now}
          )`,
      passwordBudget,
      now,
    ),
  )
  return db
    .with(account, paying, budget)
    .select({
      account: {
        id: account.id,
        email: account.email,
        displayName: account.displayName,
        role: account.role,
        status: account.status,
        sessionTag: account.sessionTag,
        version: account.version,
        mfaEnabled: account.mfaEnabled,
        emailConfirmedAt: account.emailConfirmedAt,
        createdAt: account.createdAt,
        lastLoginAt: account.lastLoginAt,
      },
      passwordHash: account.passwordHash,
      passwordVersion: account.passwordVersion,
      subject: paying.subject,
      triesUsed: sql<number | null>`(select used from budget)`,
      lockedUntil: sql<string | null>`(
        select window_ends_at from ${attemptBudgets} as budget where budget.subject = paying.subject and locked_at is not null
      )`,
      history: signInHistoryOf(sql`paying.user_id`, sql`${sql.placeholder('label')}`),
    })
    .from(paying)
    .leftJoin(account, sql`true`)
    .prepare('claim_sign_in')
}
