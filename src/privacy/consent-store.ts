import { desc, eq, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { consents } from '../db/tables/privacy.ts'
import type { Consent, Decision } from './consent.ts'

export type ConsentStore = ReturnType<typeof createConsentStore>

const { purpose, version, granted, recordedAt, ordinal, userId } = consents

/** What users agreed to, decision by decision. Whoever adds one holds the lock of its user's account. */
export const createConsentStore = (db: Db) => ({
  /** The newest decision on each purpose, by purpose. */
  async listCurrent(owner: string): Promise<Consent[]> {
    return db
      .selectDistinctOn([purpose], { purpose, version, granted, recordedAt })
      .from(consents)
      .where(eq(userId, owner))
      .orderBy(purpose, sql`${desc(ordinal)} nulls last`)
  },

  async add(owner: string, decision: Decision, now: Date): Promise<Consent> {
    const consent = { ...decision, recordedAt: now }
    await db.insert(consents).values({ userId: owner, ...consent })
    return consent
  },
})
