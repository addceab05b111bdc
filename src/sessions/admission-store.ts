import { type SQL, sql } from 'drizzle-orm'
import type { Account } from '../accounts/account.ts'
import { type AccountRow, accountFromRow } from '../accounts/account-store.ts'
import { eventInsertion } from '../audit/event-store.ts'
import type { EventReport } from '../audit/security-event.ts'
import { budgetRelease } from '../budgets/budget-store.ts'
import type { Db } from '../db/client.ts'
import { users } from '../db/tables/accounts.ts'
import { anyNetwork, knownDevices } from '../db/tables/risk.ts'
import { endedTokens, userSessions } from '../db/tables/sessions.ts'
import { type NewTrust, type PresentedTrust, trustInsertion, trustUse } from '../devices/trusted-device-store.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import { mailInsertion } from '../messaging/message-store.ts'
import { challengeAnswer } from '../mfa/challenge-store.ts'
import type { AnsweredChallenge } from '../mfa/proof.ts'
import type { SignInRisk } from '../risk/sign-in.ts'
import { placeVisit } from '../risk/sign-in-history-store.ts'
import type { Unusual } from '../risk/unusual-sign-in.ts'
import type { Session } from './session.ts'
import type { SessionLimit } from './session-limit.ts'
import { type EndedToken, endedTokensChannel } from './session-store.ts'
import { type NewTicket, ticketInsertion, ticketSpending } from './ticket-store.ts'

export interface AdmissionAttempt {
  readonly session: Session
  readonly tokenHash: string
  /** Which of the account's passwords was proved; null where none was. */
  readonly passwordVersion: number | null
  readonly answered: AnsweredChallenge | null
  /** The ticket that is spent in place of a challenge, where an earlier sign-in found no room. */
  readonly spentTicketHash: string | null
  readonly limit: SessionLimit
  /** Written where there is no room, if the limit's policy is ASK. */
  readonly newTicket: NewTicket | null
  readonly presentedTrust: PresentedTrust | null
  readonly newTrust: NewTrust | null
  /** The budget that gets the try back once it turns out right. */
  readonly budget: string | null
  readonly device: { readonly label: string; readonly network: string }
  readonly reports: readonly EventReport[]
  /** What is recorded in place of that where there is no room. */
  readonly refusedReports: readonly EventReport[]
  /** What is recorded of each session that makes room for this one. */
  readonly evictionReport: EventReport
  readonly risk: SignInRisk
  /** What a kind of device that the user never used before sets off; null where it is none. */
  readonly newDevice: Unusual | null
  /** What a place sets off that is unusual; null where it is not. */
  readonly unusualPlace: Unusual | null
}

export type AdmissionOutcome =
  | {
      readonly kind: 'opened'
      readonly account: Account
      readonly isTrustedDevice: boolean
      readonly isNoticed: boolean
      /** The tokens of the sessions that made room. */
      readonly evicted: readonly EndedToken[]
    }
  | { readonly kind: 'factorRequired' | 'challengeSpent' | 'codeReplayed' | 'passwordChanged' | 'limitReached' }

export type AdmissionStore = ReturnType<typeof createAdmissionStore>

/** Where sessions begin, and nowhere else. */
export const createAdmissionStore = (db: Db, keys: KeyRing) => ({
  /**
   * Opens a session, with its events, in one statement, or changes nothing but the budget. Without an answered challenge
   * it opens only for a user who has no second factor, or whose device is trusted; with one, exactly one of any number of
   * equal answers opens it. However many open at once, their user has no more sessions than the limit after each: where
   * there is no room the oldest end, or nothing is spent, or the proofs are kept in a ticket, as the limit's policy says.
   */
  async open(attempt: AdmissionAttempt): Promise<AdmissionOutcome> {
    const { session, passwordVersion, answered, spentTicketHash, limit, newTicket, presentedTrust, newTrust } = attempt
    const { budget, device, reports, refusedReports, evictionReport, risk, newDevice, unusualPlace } = attempt
    const { id, userId, authenticationMethods, elevatedUntil, ipAddress, userAgent } = session
    const at = session.createdAt.toISOString()
    const isProved = answered !== null || spentTicketHash !== null
    const isOwner = sql`exists (select 1 from owner)`
    const isOpened = sql`exists (select 1 from account)`
    const isNewDevice = sql`exists (select 1 from new_device)`
    const isUnusualPlace = sql`exists (select 1 from place)`
    const isCrowded = sql`exists (select 1 from crowded)`
    const isAdmitted = sql`exists (select 1 from admitted)`
    const isRoom = sql`exists (select 1 from room)`
    const wasOfUse = newTicket ? sql`(${isOpened} or ${isCrowded})` : isOpened
    const maySpend = newTicket ? isOwner : sql`${isOwner} and ${isRoom}` // a refusal spends nothing
    const hasFactor = sql`exists (select 1 from owner where mfa_enabled) and ${isRoom}`
    const trusted = presentedTrust ? trustUse(presentedTrust, userId, at, hasFactor) : sql`select 1 where false`
    const [row] = await db.execute<OpenedRow>(sql`
      with owner as (
        select id, mfa_enabled from ${users}
        where id = ${userId} and status = 'ACTIVE'
          and (${passwordVersion}::integer is null or password_version = ${passwordVersion}::integer)
        for no key update
      ),
      room as materialized (${roomFor(limit, at)}),
      trusted as (${trusted}),
      ${
        answered
          ? challengeAnswer(answered, userId, at, maySpend)
          : spentTicketHash
            ? ticketSpending(spentTicketHash, userId, at, maySpend)
            : nothingAnswered
      },
      admitted as (
        ${isProved ? sql`select 1 from answered` : sql`select 1 from owner where not mfa_enabled or exists (select 1 from trusted)`}
      ),
      crowded as (
        select 1 where not ${isRoom} and ${isProved && !newTicket ? isOwner : isAdmitted}
      ),
      account as (
        update ${users} set last_login_at = ${at}, version = version + 1
        where id in (select id from owner) and ${isAdmitted} and ${isRoom}
        returning *
      ),
      session as (
        insert into ${userSessions} (id, user_id, token_hash, created_at, last_seen_at, idle_expires_at, expires_at,
          authentication_methods, elevated_until, trusted_device, transport, ip_address, user_agent)
        select ${id}::uuid, id, ${attempt.tokenHash}, ${at}::timestamptz, ${at}::timestamptz,
          ${session.idleExpiresAt.toISOString()}::timestamptz, ${session.expiresAt.toISOString()}::timestamptz,
          string_to_array(${authenticationMethods.join(' ')}, ' '),
          case when exists (select 1 from trusted) then null else ${elevatedUntil?.toISOString() ?? null}::timestamptz end,
          exists (select 1 from trusted), ${session.transport}, ${ipAddress}, ${userAgent}
        from account
      ),
      known as (
        insert into ${knownDevices} (user_id, label, network, first_seen_at, last_seen_at)
        select id, ${device.label}, network, ${at}::timestamptz, ${at}::timestamptz
        from account, (values (${anyNetwork}), (${device.network})) as seen_in (network)
        on conflict (user_id, label, network) do update set last_seen_at = excluded.last_seen_at
        returning network, (xmax = 0) as is_first
      ),
      new_device as (
        select 1 from known where network = ${anyNetwork} and is_first
          and exists (select 1 from ${knownDevices} where user_id = ${userId})
      ),
      place as (${risk.place ? placeVisit(risk.place, risk.lastSeenThereAt, at, sql`select id from account`) : sql`select 1 where false`}),
      trust as (${newTrust ? trustInsertion(newTrust, { userId, userAgent }, at, isOpened) : sql`select 1`}),
      ticket as (${newTicket ? ticketInsertion(newTicket, at, isCrowded) : sql`select 1`}),
      released as (${budget ? budgetRelease(budget, isProved ? wasOfUse : isOwner) : sql`select 1`}),
      ${eviction(limit, session, at)},
      ${eventInsertion(reports, session.createdAt, { condition: isOpened })},
      ${eventInsertion(refusedReports, session.createdAt, { condition: isCrowded, suffix: '_of_refusal' })},
      ${eventInsertion([evictionReport], session.createdAt, { suffix: '_of_eviction', eachSessionOf: sql`evicted` })},
      ${unusual(newDevice, keys, session.createdAt, isNewDevice, '_of_new_device')},
      ${unusual(unusualPlace, keys, session.createdAt, isUnusualPlace, '_of_place')}
      select account.*, ${isOwner} as is_owner, exists (select 1 from spendable) as is_spendable,
        exists (select 1 from trusted) as is_trusted, ${isNewDevice} or ${isUnusualPlace} as is_noticed, ${isCrowded} as is_crowded,
        (select json_agg(token_hash) from evicted) as evicted_hashes, (select count(*) from announced)
      from (values (1)) as one left join account on true`)
    if (row?.id) {
      const { is_trusted: isTrustedDevice = false, is_noticed: isNoticed = false } = row
      const account = accountFromRow(row as AccountRow)
      const evicted = (row.evicted_hashes ?? []).map(
        (tokenHash): EndedToken => ({ tokenHash, sessionTag: account.sessionTag, reason: 'LIMIT_REACHED' }),
      )
      return { kind: 'opened', account, isTrustedDevice, isNoticed, evicted }
    }
    if (row?.is_crowded) return { kind: 'limitReached' }
    if (!row?.is_owner) return { kind: 'passwordChanged' }
    if (!isProved) return { kind: 'factorRequired' }
    return { kind: row.is_spendable ? 'codeReplayed' : 'challengeSpent' }
  },
})

type OpenedRow = Partial<AccountRow> & Record<`is_${string}`, boolean> & { evicted_hashes: string[] | null }

const nothingAnswered: SQL = sql`spendable as (select 1 where false)`

/** The statements that record and tell what is unusual where `condition` holds, as common table expressions. */
const unusual = (found: Unusual | null, keys: KeyRing, at: Date, condition: SQL, suffix: string): SQL => {
  const notice = sql.raw(`notice${suffix}`)
  if (!found) return sql`${notice} as (select 1)`
  return sql`
      ${eventInsertion(found.reports, at, { condition, suffix })},
      ${notice} as (${mailInsertion(found.mail, keys, at, condition)})`
}

/** One row where the user may have another session. It is asked under the account's lock, so that sign-ins take turns. */
const roomFor = ({ mostSessions, policy }: SessionLimit, at: string): SQL =>
  policy === 'EVICT_OLDEST'
    ? sql`select 1 from owner`
    : sql`select 1 from owner where count_live_sessions(id, ${at}::timestamptz) < ${mostSessions}`

/** The statements that end the oldest sessions beyond the limit, as common table expressions. */
const eviction = ({ mostSessions, policy }: SessionLimit, { id }: Session, at: string): SQL => {
  if (policy !== 'EVICT_OLDEST')
    return sql`
      evicted as (select null::uuid as session_id, null::text as token_hash where false),
      announced as (select 1 where false)`
  return sql`
      evicted as materialized (
        select gone.session_id, gone.token_hash, account.session_tag
        from account, end_oldest_sessions(account.id, ${id}::uuid, ${mostSessions - 1}, ${at}::timestamptz) as gone
      ),
      untold as (
        insert into ${endedTokens} (token_hash, session_tag, reason, ended_at)
        select token_hash, session_tag, 'LIMIT_REACHED', ${at}::timestamptz from evicted
      ),
      announced as (
        select pg_notify(${endedTokensChannel}, json_build_array(token_hash, 'LIMIT_REACHED')::text) from evicted
      )`
}
