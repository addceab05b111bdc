import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { auditKeysOf } from '../../src/audit/audit-key.ts'
import { createChainStore } from '../../src/audit/chain-store.ts'
import { createEventStore } from '../../src/audit/event-store.ts'
import { createSeal } from '../../src/audit/seal-service.ts'
import type { EventReport } from '../../src/audit/security-event.ts'
import { newId } from '../../src/lib/ids.ts'

/** The key that seals these logs. */
export const [sealingKey] = auditKeysOf([{ id: 'test', secret: Buffer.alloc(32, 7) }])

/** Writes to a database of its own, through one connection, so that everything can be rolled back. */
export const openLog = (url: string) => {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  const db = drizzle(sql)
  let time = Date.now() - 24 * 3600 * 1000
  const now = () => new Date(time)
  const seal = createSeal({ chain: createChainStore(db), key: sealingKey, now })
  const events = createEventStore(db, now)
  return {
    sql,
    db,
    /** Records some events, by default a minute after those before. */
    async record(count: number, secondsLater = 60): Promise<void> {
      time += secondsLater * 1000
      await events.append(...Array.from({ length: count }, (_none, index) => report(index)))
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
  details: { index, reason: 'none' },
})
