import { type SQL, sql } from 'drizzle-orm'
import type { Account } from '../accounts/account.ts'
import { type AccountRow, accountFromRow } from '../accounts/account-store.ts'
import { eventInsertion } from '../audit/event-store.ts'
import type { EventReport } from '../audit/security-event.ts'
import type { Db } from '../db/client.ts'
import { mfaChallenges, mfaConfigurations, userSessions, users } from '../db/tables.ts'
import type { Session } from './session.ts'

/** A right code, which counts if its challenge is not spent and its time step is later than the factor's last. */
export interface AnsweredChallenge {
  readonly challengeId: string
  readonly factorId: string
  readonly timeStep: number
}

export interface AdmissionAttempt {
  readonly session: Session
  readonly tokenHash: string
  readonly answered: AnsweredChallenge | null
  readonly reports: readonly EventReport[]
}

export type AdmissionOutcome =
  | { readonly kind: 'opened'; readonly account: Account }
  | { readonly kind: 'factorRequired' | 'challengeSpent' | 'codeReplayed' }

export type AdmissionStore = ReturnType<typeof createAdmissionStore>

/** Where sessions begin, and nowhere else. */
export const createAdmissionStore = (db: Db) => ({
  /**
   * Opens a session, with its events, in one statement, or changes nothing at all. Without an answered challenge it opens
   * only for a user who has no active factor; with one, exactly one of any number of equal answers opens it.
   */
  async open({ session, tokenHash, answered, reports }: AdmissionAttempt): Promise<AdmissionOutcome> {
    const { id, userId, authenticationMethods, elevatedUntil, ipAddress, userAgent } = session
    const createdAt = session.createdAt.toISOString()
    const [row] = await db.execute<Partial<AccountRow> & { is_active: boolean; is_spendable: boolean }>(sql`
      with owner as (select id from ${users} where id = ${userId} and status = 'ACTIVE' for no key update),
      ${answered ? answeredChallenge(answered, createdAt) : withoutFactor(userId)},
      account as (
        update ${users} set last_login_at = ${createdAt}, version = version + 1
        where id in (select id from owner) and exists (select 1 from admitted)
        returning *
      ),
      session as (
        insert into ${userSessions} (id, user_id, token_hash, created_at, last_seen_at, idle_expires_at, expires_at,
          authentication_methods, elevated_until, ip_address, user_agent)
        select ${id}::uuid, id, ${tokenHash}, ${createdAt}::timestamptz, ${createdAt}::timestamptz,
          ${session.idleExpiresAt.toISOString()}::timestamptz, ${session.expiresAt.toISOString()}::timestamptz,
          string_to_array(${authenticationMethods.join(' ')}, ' '), ${elevatedUntil?.toISOString() ?? null}::timestamptz,
          ${ipAddress}, ${userAgent}
        from account
      ),
      ${eventInsertion(reports, session.createdAt, sql`exists (select 1 from account)`)}
      select account.*, exists (select 1 from owner) as is_active, exists (select 1 from spendable) as is_spendable
      from (values (1)) as one left join account on true`)
    if (row?.id) return { kind: 'opened', account: accountFromRow(row as AccountRow) }
    if (!row?.is_active) throw new Error('An account that was about to sign in is not ACTIVE')
    if (!answered) return { kind: 'factorRequired' }
    return { kind: row.is_spendable ? 'codeReplayed' : 'challengeSpent' }
  },
})

const withoutFactor = (userId: string): SQL => sql`
  spendable as (select 1 where false),
  admitted as (
    select 1 where not exists (select 1 from ${mfaConfigurations} where user_id = ${userId} and status = 'ACTIVE')
  )`

/** The lock makes equal answers take turns; whoever comes later sees the challenge spent, or the step used. */
const answeredChallenge = ({ challengeId, factorId, timeStep }: AnsweredChallenge, at: string): SQL => sql`
  spendable as materialized (
    select id from ${mfaChallenges} where id = ${challengeId} and consumed_at is null and exists (select 1 from owner) for update
  ),
  step as (
    update ${mfaConfigurations} set last_used_step = ${timeStep}, last_used_at = ${at}
    where id = ${factorId} and status = 'ACTIVE' and (last_used_step is null or last_used_step < ${timeStep})
      and exists (select 1 from spendable)
    returning id
  ),
  admitted as (
    update ${mfaChallenges} set consumed_at = ${at}
    where id in (select id from spendable) and exists (select 1 from step)
    returning id
  )`
