import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { v7 } from 'uuid'
import { auditKeysOf } from '../../src/audit/audit-key.ts'
import { createChainStore } from '../../src/audit/chain-store.ts'
import { createEventStore } from '../../src/audit/event-store.ts'
import { createSeal } from '../../src/audit/seal-service.ts'
import { type EventReport, personalDigestOf } from '../../src/audit/security-event.ts'
import { createSeenHead } from '../../src/audit/seen-head.ts'
import { createCheckHead } from '../../src/audit/verification-service.ts'
import { createVerificationStore } from '../../src/audit/verification-store.ts'
import { securityEventPersonalData, securityEvents } from '../../src/db/tables/audit.ts'
import { newId } from '../../src/lib/ids.ts'

/** The key that seals these logs. */
export const [sealingKey] = auditKeysOf([{ id: 'test', secret: Buffer.alloc(32, 7) }])

/** Writes to a database of its own, through one connection, so that everything can be rolled back. */
export const openLog = (url: string) => {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  const db = drizzle(sql)
  let time = Date.now() - 24 * 3600 * 1000
  const now = () => new Date(time)
  const seen = createSeenHead()
  const checkHead = createCheckHead({
    store: createVerificationStore(db),
    keys: new Map([[sealingKey.id, sealingKey.publicKey]]),
    seen,
  })
  const seal = createSeal({ chain: createChainStore(db), checkHead, seen, key: sealingKey, now })
  const events = createEventStore(db, now)
  return {
    sql,
    db,
    /** Records some events, by default a minute after those before. */
    async record(count: number, secondsLater = 60): Promise<void> {
      time += secondsLater * 1000
      await events.append(...Array.from({ length: count }, (_none, index) => report(index)))
    },
    /** Records these events, a minute after those before. */
    async append(...reports: EventReport[]): Promise<void> {
      time += 60_000
      await events.append(...reports)
    },
    /** Records an event whose id is of this time, as it would have been then. */
    async recordAt(at: Date): Promise<string> {
      const id = v7({ msecs: at.getTime() })
      const personal = { salt: id, ipAddress: '192.0.2.1', userAgent: null, details: { index: 1 } }
      await db.insert(securityEventPersonalData).values({ eventId: id, ...personal })
      await db.insert(securityEvents).values({
        id,
        type: 'LOGGED_OUT',
        severity: 'INFO',
        outcome: 'SUCCESS',
        occurredAt: at,
        personalDigest: personalDigestOf(personal),
      })
      return id
    },
    /** Seals what is recorded; what comes a minute after the last checkpoint is one. */
    async seal(): Promise<void> {
      while (await seal());
    },
    close: () => sql.end(),
  }
}

const report = (index: number): EventReport => ({
  type: index % 2 ? 'LOGIN_FAILED' : 'LOGGED_OUT',
  outcome: index % 2 ? 'FAILURE' : 'SUCCESS',
  userId: newId(),
  actorId: index % 3 ? null : newId(),
  sessionId: newId(),
  client: { ipAddress: `192.0.2.${index % 256}`, userAgent: `curl/${index}` },
  ...(index % 2 && { details: { index, reason: 'none' } }),
})

export const firstOfMonth = (monthsAgo: number): Date => {
  const now = new Date()
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - monthsAgo, 1))
}

/** Seven events of last month and this one, one of this month's sealed between last month's. */
export const fillTwoMonths = async (log: ReturnType<typeof openLog>): Promise<void> => {
  for (const months of [1, 1]) await log.recordAt(firstOfMonth(months))
  await log.seal()
  for (const months of [0, 1]) await log.recordAt(firstOfMonth(months))
  await log.record(3)
  await log.seal()
}
