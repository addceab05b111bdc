import { sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { mfaPolicies } from '../db/tables/mfa.ts'
import type { MfaPolicy } from './policy.ts'

export type PolicyStore = ReturnType<typeof createPolicyStore>

export const policiesChannel = 'gatehouse_policies'

/** What each role must have: a row for each role that an administrator decided on. */
export const createPolicyStore = (db: Db) => ({
  list: async (): Promise<MfaPolicy[]> => db.select().from(mfaPolicies),

  /** Sets a role's policy and announces it to every server. While it stays REQUIRED the days of grace go on counting. */
  async set({ role, requirement, graceDays }: Pick<MfaPolicy, 'role' | 'requirement' | 'graceDays'>, now: Date) {
    const isRequired = requirement === 'REQUIRED'
    const [policy] = await db
      .insert(mfaPolicies)
      .values({ role, requirement, graceDays, requiredSince: isRequired ? now : null, updatedAt: now })
      .onConflictDoUpdate({
        target: mfaPolicies.role,
        set: {
          requirement,
          graceDays,
          updatedAt: now,
          requiredSince: isRequired ? sql`coalesce(${mfaPolicies.requiredSince}, excluded.required_since)` : null,
        },
      })
      .returning()
    await db.execute(sql`select pg_notify(${policiesChannel}, '')`)
    return policy as MfaPolicy
  },
})
