import { type SQL, sql } from 'drizzle-orm'
import type { Account } from '../accounts/account.ts'
import { type AccountRow, accountFromRow } from '../accounts/account-store.ts'
import { eventInsertion } from '../audit/event-store.ts'
import type { EventReport } from '../audit/security-event.ts'
import { budgetRelease } from '../budgets/budget-store.ts'
import type { Db } from '../db/client.ts'
import { anyNetwork, knownDevices, userSessions, users } from '../db/tables.ts'
import { type NewTrust, type PresentedTrust, trustInsertion, trustUse } from '../devices/trusted-device-store.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import type { Message } from '../messaging/message.ts'
import { mailInsertion } from '../messaging/message-store.ts'
import { challengeAnswer } from '../mfa/challenge-store.ts'
import type { AnsweredChallenge } from '../mfa/proof.ts'
import type { Session } from './session.ts'

export interface AdmissionAttempt {
  readonly session: Session
  readonly tokenHash: string
  /** Which of the account's passwords was proved; null where none was. */
  readonly passwordVersion: number | null
  readonly answered: AnsweredChallenge | null
  readonly presentedTrust: PresentedTrust | null
  readonly newTrust: NewTrust | null
  /** The budget that gets the try back once it turns out right. */
  readonly budget: string | null
  readonly device: { readonly label: string; readonly network: string }
  readonly reports: readonly EventReport[]
  /** What a kind of device that the user never used before sets off. */
  readonly newDevice: { readonly report: EventReport; readonly mail: Message }
}

export type AdmissionOutcome =
  | {
      readonly kind: 'opened'
      readonly account: Account
      readonly isTrustedDevice: boolean
      readonly isNewDevice: boolean
    }
  | { readonly kind: 'factorRequired' | 'challengeSpent' | 'codeReplayed' | 'passwordChanged' }

export type AdmissionStore = ReturnType<typeof createAdmissionStore>

/** Where sessions begin, and nowhere else. */
export const createAdmissionStore = (db: Db, keys: KeyRing) => ({
  /**
   * Opens a session, with its events, in one statement, or changes nothing but the budget. Without an answered challenge
   * it opens only for a user who has no second factor, or whose device is trusted; with one, exactly one of any number of
   * equal answers opens it.
   */
  async open(attempt: AdmissionAttempt): Promise<AdmissionOutcome> {
    const { session, passwordVersion, answered, presentedTrust, newTrust, budget, device, reports, newDevice } = attempt
    const { id, userId, authenticationMethods, elevatedUntil, ipAddress, userAgent } = session
    const at = session.createdAt.toISOString()
    const isOwner = sql`exists (select 1 from owner)`
    const isOpened = sql`exists (select 1 from account)`
    const isNewDevice = sql`exists (select 1 from new_device)`
    const hasFactor = sql`exists (select 1 from owner where mfa_enabled)`
    const trusted = presentedTrust ? trustUse(presentedTrust, userId, at, hasFactor) : sql`select 1 where false`
    const [row] = await db.execute<Partial<AccountRow> & Record<`is_${string}`, boolean>>(sql`
      with owner as (
        select id, mfa_enabled from ${users}
        where id = ${userId} and status = 'ACTIVE'
          and (${passwordVersion}::integer is null or password_version = ${passwordVersion}::integer)
        for no key update
      ),
      trusted as (${trusted}),
      ${answered ? challengeAnswer(answered, userId, at, isOwner) : nothingAnswered},
      admitted as (
        ${answered ? sql`select 1 from answered` : sql`select 1 from owner where not mfa_enabled or exists (select 1 from trusted)`}
      ),
      account as (
        update ${users} set last_login_at = ${at}, version = version + 1
        where id in (select id from owner) and exists (select 1 from admitted)
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
      trust as (${newTrust ? trustInsertion(newTrust, { userId, userAgent }, at, isOpened) : sql`select 1`}),
      released as (${budget ? budgetRelease(budget, answered ? isOpened : isOwner) : sql`select 1`}),
      ${eventInsertion(reports, session.createdAt, isOpened)},
      ${eventInsertion([newDevice.report], session.createdAt, isNewDevice, '_of_new_device')},
      notice as (${mailInsertion(newDevice.mail, keys, session.createdAt, isNewDevice)})
      select account.*, ${isOwner} as is_owner, exists (select 1 from spendable) as is_spendable,
        exists (select 1 from trusted) as is_trusted, ${isNewDevice} as is_new_device
      from (values (1)) as one left join account on true`)
    if (row?.id) {
      const { is_trusted: isTrustedDevice = false, is_new_device: isNew = false } = row
      return { kind: 'opened', account: accountFromRow(row as AccountRow), isTrustedDevice, isNewDevice: isNew }
    }
    if (!row?.is_owner) return { kind: 'passwordChanged' }
    if (!answered) return { kind: 'factorRequired' }
    return { kind: row.is_spendable ? 'codeReplayed' : 'challengeSpent' }
  },
})

const nothingAnswered: SQL = sql`spendable as (select 1 where false)`
