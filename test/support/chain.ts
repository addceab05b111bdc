import { createHash, randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { Client } from './client.ts'
import { LoginDocument } from './documents.generated.ts'
import { eventually, type Gatehouse } from './gatehouse.ts'

/** Whether a server's log says that it took the duty of sealing. */
export const isSealing = (logs: readonly string[]): boolean =>
  logs.some((line) => line.includes('this server seals the security log'))

/** An event that costs no more than a hash. Each of another address: refusals of a locked one would be counted, not recorded. */
export const failLogin = ({ anonymous }: { readonly anonymous: Client }) =>
  anonymous.send(LoginDocument, {
    input: { email: `${randomUUID()}@example.com`, password: 'not the password of anybody' },
  })

/** How long it takes from the answer to a failed sign-in until nothing is left to seal. */
export const sealedAfterMs = async (server: { readonly anonymous: Client }, observed: Pick<Gatehouse, 'sql'>) => {
  await failLogin(server)
  const answered = performance.now()
  await allSealed(observed)
  return performance.now() - answered
}

/** Resolves once the outbox is empty. */
export const allSealed = ({ sql }: Pick<Gatehouse, 'sql'>) =>
  eventually(async () => (await sql`SELECT 1 FROM unsealed_security_events LIMIT 1`).length === 0)

/** Expects the counters to hold just what is sealed. */
export const expectCounted = async ({ sql }: Pick<Gatehouse, 'sql'>): Promise<void> => {
  const wrong = await sql`
    SELECT * FROM security_event_counts FULL JOIN (
      SELECT date_trunc('hour', occurred_at, 'UTC') AS hour, type, count(*) AS found
      FROM audit_links JOIN security_events ON id = event_id GROUP BY 1, 2
    ) AS sealed USING (hour, type) WHERE count IS DISTINCT FROM found`
  expect(wrong).toEqual([])
}

const sha256 = (...parts: readonly (string | Buffer)[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const place = (sequence: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(sequence))
  return bytes
}

/**
 * Waits until all is sealed, and computes the chain anew from the rows alone, as another program would: each event has one
 * link, the links follow each other without a gap, and the head is the newest. Returns the events in the order of sealing.
 */
export const expectSealed = async ({ sql }: Pick<Gatehouse, 'sql'>) => {
  await allSealed({ sql })
  const events = await sql`
    SELECT e.id, type, severity, outcome, occurred_at, user_id, actor_id, session_id, personal_digest,
      sequence::int, digest, hash
    FROM security_events e LEFT JOIN audit_links ON event_id = e.id ORDER BY sequence`
  const [counts] = await sql`SELECT count(*)::int AS links FROM audit_links`
  expect(counts?.links).toBe(events.length)
  let previous: Buffer = Buffer.alloc(32)
  for (const [index, event] of events.entries()) {
    const { id, type, severity, outcome, occurred_at: at, user_id, actor_id, session_id, personal_digest } = event
    const fields = [
      id,
      type,
      severity,
      outcome,
      new Date(at).toISOString(),
      user_id,
      actor_id,
      session_id,
      personal_digest,
    ]
    const digest = sha256(JSON.stringify(fields))
    const hash = sha256(previous, place(index + 1), digest)
    expect([event.sequence, event.digest, event.hash]).toEqual([index + 1, digest, hash])
    previous = hash
  }
  const [head] = await sql`SELECT sequence::int, hash FROM audit_head`
  expect(head).toEqual({ sequence: events.length, hash: previous })
  return events
}
