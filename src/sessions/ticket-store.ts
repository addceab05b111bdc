import { and, eq, gt, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { sessionTickets } from '../db/tables/sessions.ts'
import type { Ticket } from './session-limit.ts'

/** A ticket to be written if there is no room for the session. */
export interface NewTicket {
  readonly tokenHash: string
  readonly expiresAt: Date
  readonly ticket: Ticket
}

export type TicketStore = ReturnType<typeof createTicketStore>

/** The statement that writes a ticket, to stand in a WITH. */
export const ticketInsertion = ({ tokenHash, expiresAt, ticket }: NewTicket, at: string, condition: SQL): SQL => sql`
  insert into ${sessionTickets} (token_hash, user_id, proofs, fresh_proof_at, password_version, trusts_device, transport,
    created_at, expires_at)
  select ${tokenHash}, ${ticket.userId}::uuid, string_to_array(${ticket.proofs.join(' ')}, ' '),
    ${ticket.freshProofAt?.toISOString() ?? null}::timestamptz, ${ticket.passwordVersion}::integer, ${ticket.trustsDevice},
    ${ticket.transport}, ${at}::timestamptz, ${expiresAt.toISOString()}::timestamptz
  where ${condition}`

/** The statements that spend a ticket, as common table expressions like those that answer a challenge. */
export const ticketSpending = (tokenHash: string, owner: string, at: string, condition: SQL): SQL => sql`
  spendable as materialized (
    select token_hash from ${sessionTickets}
    where token_hash = ${tokenHash} and user_id = ${owner} and expires_at > ${at}::timestamptz and ${condition} for update
  ),
  answered as (
    delete from ${sessionTickets} where token_hash in (select token_hash from spendable) returning token_hash
  )`

/** Sign-ins that wait for a session to be ended. */
export const createTicketStore = (db: Db) => ({
  async find(tokenHash: string, now: Date): Promise<Ticket | null> {
    const { userId, proofs, freshProofAt, passwordVersion, trustsDevice, transport } = sessionTickets
    const [row] = await db
      .select({ userId, proofs, freshProofAt, passwordVersion, trustsDevice, transport })
      .from(sessionTickets)
      .where(and(eq(sessionTickets.tokenHash, tokenHash), gt(sessionTickets.expiresAt, now)))
    return row ?? null
  },
})
