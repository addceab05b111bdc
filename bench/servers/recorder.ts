import { randomBytes } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { AuditReply, AuditWork } from '../audit.ts'

// A process that records events as a server does, from its build, and seals them; and inserts the same rows into another
// database that has neither outbox nor relay.

const built = <T>(module: string): Promise<T> => import(new URL(`../../dist/${module}`, import.meta.url).href)

const { auditKeysOf } = await built<typeof import('../../src/audit/audit-key.ts')>('audit/audit-key.js')
const { auditHeadChannel, createChainStore } =
  await built<typeof import('../../src/audit/chain-store.ts')>('audit/chain-store.js')
const { createEventStore } = await built<typeof import('../../src/audit/event-store.ts')>('audit/event-store.js')
const { createRecordEvent } = await built<typeof import('../../src/audit/event-recording-service.ts')>(
  'audit/event-recording-service.js',
)
const { sealDuty, startSealRelay } =
  await built<typeof import('../../src/audit/seal-relay-service.ts')>('audit/seal-relay-service.js')
const { createSeal } = await built<typeof import('../../src/audit/seal-service.ts')>('audit/seal-service.js')
const { personalDigestOf, severityOf } =
  await built<typeof import('../../src/audit/security-event.ts')>('audit/security-event.js')
const { openDatabase } = await built<typeof import('../../src/db/client.ts')>('db/client.js')
const { securityEventPersonalData, securityEvents } =
  await built<typeof import('../../src/db/tables/audit.ts')>('db/tables/audit.js')
const { createSeenHead } = await built<typeof import('../../src/audit/seen-head.ts')>('audit/seen-head.js')
const { createCheckHead } = await built<typeof import('../../src/audit/verification-service.ts')>(
  'audit/verification-service.js',
)
const { createVerificationStore } =
  await built<typeof import('../../src/audit/verification-store.ts')>('audit/verification-store.js')
const { systemClock } = await built<typeof import('../../src/lib/clock.ts')>('lib/clock.js')
const { newId } = await built<typeof import('../../src/lib/ids.ts')>('lib/ids.js')
const { createLogger } = await built<typeof import('../../src/lib/logger.ts')>('lib/logger.js')
const { createLease } = await built<typeof import('../../src/retention/lease-service.ts')>('retention/lease-service.js')
const { createLeaseStore } =
  await built<typeof import('../../src/retention/lease-store.ts')>('retention/lease-store.js')

type Report = import('../../src/audit/security-event.ts').EventReport

const { DATABASE_URL = '', PLAIN_DATABASE_URL = '' } = process.env
const database = openDatabase(DATABASE_URL)
const plain = openDatabase(PLAIN_DATABASE_URL).writing

const chain = createChainStore(database.writing)
const [key] = auditKeysOf([{ id: 'bench', secret: Buffer.alloc(32, 7) }])
const seen = createSeenHead()
const checkHead = createCheckHead({
  store: createVerificationStore(database.writing),
  keys: new Map([[key.id, key.publicKey]]),
  seen,
})
const relay = startSealRelay({
  sealSome: createSeal({ chain, checkHead, seen, key, now: systemClock }),
  duty: createLease({ leases: createLeaseStore(database.writing), holder: newId(), ...sealDuty }),
  announceUnsealed: chain.announceUnsealed,
  log: createLogger('warn'),
})
let sealedUpTo = 0
let onSealed = () => {}
await database.listen({
  onMessage: {
    [auditHeadChannel](sequence) {
      sealedUpTo = Number(sequence)
      onSealed()
    },
  },
  onListening() {},
  onInterrupted() {},
})

/** One statement a table, in one transaction. */
const insertRows = async (...reports: Report[]): Promise<void> => {
  const occurredAt = systemClock()
  const rows = reports.map(({ type, outcome, userId, client, details = {} }) => {
    const id = newId()
    const personal = { salt: randomBytes(16).toString('base64url'), ...client, details }
    const digested = {
      salt: personal.salt,
      details,
      ipAddress: client?.ipAddress ?? null,
      userAgent: client?.userAgent ?? null,
    }
    const event = {
      id,
      type,
      severity: severityOf({ type, outcome }),
      outcome,
      occurredAt,
      userId,
      actorId: null,
      sessionId: null,
    }
    return { event: { ...event, personalDigest: personalDigestOf(digested) }, personal: { eventId: id, ...personal } }
  })
  await plain.transaction(async (tx) => {
    await tx.insert(securityEvents).values(rows.map(({ event }) => event))
    await tx.insert(securityEventPersonalData).values(rows.map(({ personal }) => personal))
  })
}

const unfolded = { recordRefusals: async () => {}, now: systemClock } // it records no refusals
const recorders: Record<AuditWork['how'], (report: Report) => Promise<void>> = {
  sealed: createRecordEvent({
    ...unfolded,
    append: createEventStore(database.writing, systemClock).append,
    onRecorded: relay.wake,
  }),
  'one statement': createRecordEvent({
    ...unfolded,
    append: createEventStore(plain, systemClock).append,
    onRecorded: () => {},
  }),
  'a statement a table': createRecordEvent({ ...unfolded, append: insertRows, onRecorded: () => {} }),
}

const userIds = Array.from({ length: 10_000 }, newId)
const userAgent =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36'
const reportOf = (number: number): Report => ({
  type: 'LOGIN_FAILED',
  outcome: 'FAILURE',
  userId: userIds[(number * 7_919) % userIds.length] as string,
  client: { ipAddress: `203.0.${(number >> 8) & 255}.${number & 255}`, userAgent },
  details: { reason: 'wrong password' },
})

const run = async ({ how, events, inFlight }: AuditWork): Promise<AuditReply> => {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  const last = sealedUpTo + events
  let number = 0
  const lane = async () => {
    while (number < events) await recorders[how](reportOf(number++))
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  const recordedMs = performance.now() - startedAt
  if (how === 'sealed') {
    await new Promise<void>((resolve) => {
      onSealed = () => sealedUpTo >= last && resolve()
      onSealed()
    })
  }
  const { user, system } = process.cpuUsage(cpuBefore)
  delay.disable()
  return { ms: performance.now() - startedAt, recordedMs, cpuMicros: user + system, longestStallMs: delay.max / 1e6 }
}

process.on('message', async (work: AuditWork) => process.send?.(await run(work)))
process.on('disconnect', () => process.exit())
process.send?.({ port: 0 })
