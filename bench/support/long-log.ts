import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import postgres from 'postgres'
import { v7 } from 'uuid'
import { auditKeysOf } from '../../src/audit/audit-key.ts'
import { createChainStore } from '../../src/audit/chain-store.ts'
import { createSeal } from '../../src/audit/seal-service.ts'
import { type Outcome, personalDigestOf, type SecurityEventType, severityOf } from '../../src/audit/security-event.ts'
import { createSeenHead } from '../../src/audit/seen-head.ts'
import { createCheckHead } from '../../src/audit/verification-service.ts'
import { createVerificationStore } from '../../src/audit/verification-store.ts'
import { securityEventPersonalData, securityEvents } from '../../src/db/tables/audit.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { Environment } from './report.ts'
import { withDatabase } from './seed.ts'
import { masterKey } from './server.ts'
import { userAgents } from './stored-sessions.ts'

const rowsAtOnce = 2_000
const types: readonly SecurityEventType[] = ['LOGIN_SUCCEEDED', 'SESSION_CREATED', 'MFA_SUCCEEDED', 'LOGIN_FAILED']
/** Behind which a tenth of the events come from; every other address has a few. */
export const busyAddress = '198.51.100.1'

/** What happens every day, and now and then what does not; of the refusals none is of the last months. */
const kindOf = (number: number): { type: SecurityEventType; outcome: Outcome } => {
  if (number % 50_000 === 11) return { type: 'CREDENTIAL_STUFFING', outcome: 'SUCCESS' }
  if (number < 5_000 && number % 250 === 9) return { type: 'ACCESS_DENIED', outcome: 'DENIED' }
  const type = types[number % types.length] as SecurityEventType
  return { type, outcome: type === 'LOGIN_FAILED' ? 'FAILURE' : 'SUCCESS' }
}

/**
 * Writes events evenly over the last months, by default six, each of a partition of its own, from where the log stands: number `first` to
 * `last` of a log of `total`. `userOf` says whose each one is.
 */
export const writeLog = (
  { databaseUrl, say }: Environment,
  {
    first,
    last,
    total,
    months = 6,
  }: { readonly first: number; readonly last: number; readonly total: number; readonly months?: number },
  userOf: (event: number) => string,
): Promise<void> =>
  withDatabase(databaseUrl, async (db) => {
    const end = Date.now()
    const start = new Date(end).setUTCMonth(new Date(end).getUTCMonth() - months)
    await db.execute(sql`select create_security_event_partitions(${new Date(start).toISOString()}::date, now()::date)`)
    for (let from = first; from < last; from += rowsAtOnce) {
      const rows = Array.from({ length: Math.min(rowsAtOnce, last - from) }, (_none, index) =>
        newRows(from + index, new Date(start + ((end - start) * (from + index)) / total), userOf(from + index)),
      )
      await db.insert(securityEventPersonalData).values(rows.map(({ personal }) => personal))
      await db.insert(securityEvents).values(rows.map(({ event }) => event))
      if ((from - first) % 100_000 < rowsAtOnce) say(`${from} of ${last} events written …`)
    }
  })

const newRows = (number: number, occurredAt: Date, userId: string) => {
  const id = v7({ msecs: occurredAt.getTime() })
  const { type, outcome } = kindOf(number)
  const personal = {
    salt: randomUUID(),
    ipAddress: number % 10 === 2 ? busyAddress : `203.0.${(number >> 8) & 255}.${number & 255}`,
    userAgent: userAgents[number % userAgents.length] as string,
    details: { methods: 'PASSWORD TOTP' },
  }
  const personalDigest = personalDigestOf(personal)
  const severity = severityOf({ type, outcome })
  return {
    personal: { eventId: id, ...personal },
    event: { id, type, severity, outcome, occurredAt, userId, sessionId: randomUUID(), personalDigest } as const,
  }
}

/** Seals all that waits, as the relay does. */
export const sealLog = ({ databaseUrl }: Environment): Promise<void> =>
  withDatabase(databaseUrl, async (db) => {
    const [key] = auditKeysOf([masterKey])
    const seen = createSeenHead()
    const checkHead = createCheckHead({
      store: createVerificationStore(db),
      keys: new Map([[key.id, key.publicKey]]),
      seen,
    })
    const sealSome = createSeal({ chain: createChainStore(db), checkHead, seen, key, now: systemClock })
    while (await sealSome());
  })

/** Brings statistics and visibility maps to what they are in a database that has run for a while. */
export const settle = async ({ databaseUrl }: Environment): Promise<void> => {
  const owner = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  try {
    await owner`vacuum analyze`
  } finally {
    await owner.end()
  }
}
