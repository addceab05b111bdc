import { ne, sql } from 'drizzle-orm'
import { v7 } from 'uuid'
import { unsealedChannel } from '../audit/chain-store.ts'
import { personalDigestOf, severityOf } from '../audit/security-event.ts'
import { mfaBudget, mfaSubject } from '../budgets/budget.ts'
import type { Db } from '../db/client.ts'
import { users } from '../db/tables/accounts.ts'
import { securityEventPersonalData, securityEvents } from '../db/tables/audit.ts'
import { attemptBudgets } from '../db/tables/budgets.ts'
import { mfaConfigurations } from '../db/tables/mfa.ts'
import { knownDevices, knownPlaces } from '../db/tables/risk.ts'
import { userSessions } from '../db/tables/sessions.ts'
import { networkOf } from '../lib/network.ts'
import { maskPhoneNumber } from '../mfa/phone-number.ts'
import { describeDevice } from '../sessions/device.ts'
import type { Session } from '../sessions/session.ts'
import type { Person } from './person.ts'
import type { TimedReport } from './visit.ts'

const rowsAtOnce = 1_000

const inChunks = async <T>(rows: readonly T[], insert: (chunk: T[]) => PromiseLike<unknown>): Promise<void> => {
  for (let start = 0; start < rows.length; start += rowsAtOnce) await insert(rows.slice(start, start + rowsAtOnce))
}

export interface NewPerson extends Person {
  readonly sessionTag: string
  readonly passwordHash: string
  readonly sealedSecret: string
  readonly lastLoginAt: Date | null
}

export type DemoStore = ReturnType<typeof createDemoStore>

/** Writes what no server would: things that happened long ago. Many rows at a time, and to be committed together. */
export const createDemoStore = (db: Db) => ({
  /** Has those that fill the database take turns until their transactions end, and returns whether others have accounts than `email`. */
  async hasOthersThan(email: string): Promise<boolean> {
    await db.execute(sql`select pg_advisory_xact_lock(hashtext('gatehouse demo'))`)
    const [other] = await db.select({ id: users.id }).from(users).where(ne(users.emailKey, email)).limit(1)
    return other !== undefined
  },

  async addPeople(people: readonly NewPerson[]): Promise<void> {
    await inChunks(people, (chunk) =>
      db.insert(users).values(
        chunk.map(({ factor, ...person }) => ({
          ...person,
          emailKey: person.email,
          status: 'ACTIVE' as const,
          emailConfirmedAt: person.createdAt,
          mfaEnabled: factor !== null,
        })),
      ),
    )
    const factors = people.flatMap(({ id: userId, factor, sealedSecret, createdAt, lastLoginAt }) =>
      factor ? [{ ...factor, userId, sealedSecret, createdAt, lastUsedAt: lastLoginAt }] : [],
    )
    await inChunks(factors, (chunk) =>
      db.insert(mfaConfigurations).values(
        chunk.map(({ phone, ...factor }) => ({
          ...factor,
          label: factor.method === 'SMS' ? 'Phone' : 'Authenticator app',
          status: 'ACTIVE' as const,
          preferred: true,
          maskedPhoneNumber: factor.method === 'SMS' ? maskPhoneNumber(phone) : null,
          activatedAt: factor.createdAt,
        })),
      ),
    )
    await inChunks(people, (chunk) =>
      db.insert(knownPlaces).values(
        chunk.map(({ id: userId, home, createdAt, lastLoginAt }) => ({
          userId,
          countryCode: home.country,
          latitude: home.latitude,
          longitude: home.longitude,
          firstSeenAt: createdAt,
          lastSeenAt: lastLoginAt ?? createdAt,
        })),
      ),
    )
  },

  async addSessions(sessions: readonly (Session & { readonly tokenHash: string })[]): Promise<void> {
    await inChunks(sessions, (chunk) =>
      db.insert(userSessions).values(
        chunk.map(({ authenticationMethods, ...session }) => ({
          ...session,
          authenticationMethods: [...authenticationMethods],
        })),
      ),
    )
    await inChunks(sessions, (chunk) =>
      db
        .insert(knownDevices)
        .values(
          chunk.flatMap(({ userId, userAgent, ipAddress, createdAt, lastSeenAt }) =>
            [networkOf(ipAddress), '*'].map((network) => ({
              userId,
              label: describeDevice(userAgent).label,
              network,
              firstSeenAt: createdAt,
              lastSeenAt,
            })),
          ),
        )
        .onConflictDoNothing(),
    )
  },

  /** In the order given. `newBytes` is for ids and salts. */
  async addEvents(
    reports: readonly TimedReport[],
    newBytes: (count: number) => Buffer,
    onProgress: (events: number) => void,
  ): Promise<void> {
    const [first, last] = [reports[0]?.at, reports.at(-1)?.at]
    await db.execute(sql`
      select create_security_event_partitions(${first?.toISOString()}::timestamptz::date, ${last?.toISOString()}::timestamptz::date)`)
    let written = 0
    await inChunks(reports, async (chunk) => {
      const rows = chunk.map(({ at, client, details = {}, actorId = null, sessionId = null, ...report }) => {
        const id = v7({ msecs: at.getTime(), random: newBytes(16) })
        const personal = {
          salt: newBytes(16).toString('base64url'),
          ipAddress: client?.ipAddress ?? null,
          userAgent: client?.userAgent ?? null,
          details,
        }
        const facts = { severity: severityOf(report), personalDigest: personalDigestOf(personal) }
        return { ...report, ...personal, ...facts, id, at, actorId, sessionId }
      })
      await db.execute(sql`
        with told as (
          select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as told (id uuid, type text, severity text, outcome text,
            at timestamptz, "userId" uuid, "actorId" uuid, "sessionId" uuid, "personalDigest" text, salt text, "ipAddress" text,
            "userAgent" text, details jsonb)
        ),
        personal_data as (
          insert into ${securityEventPersonalData} (event_id, salt, ip_address, user_agent, details)
          select id, salt, "ipAddress", "userAgent", details from told
        )
        insert into ${securityEvents} (id, type, severity, outcome, occurred_at, user_id, actor_id, session_id, personal_digest)
        select id, type, severity, outcome, at, "userId", "actorId", "sessionId", "personalDigest" from told`)
      written += chunk.length
      onProgress(written)
    })
  },

  /** Locks these accounts for their codes. */
  async addLocks(userIds: readonly string[], lockedAt: Date, windowEndsAt: Date): Promise<void> {
    const locks = userIds.map((userId) => ({
      subject: mfaSubject(userId),
      userId,
      used: mfaBudget.limit,
      windowEndsAt,
      lockedAt,
    }))
    if (locks.length > 0) await db.insert(attemptBudgets).values(locks)
  },

  /** Wakes a server that seals, with the commit. */
  async announce(): Promise<void> {
    await db.execute(sql`select pg_notify(${unsealedChannel}, '')`)
  },
})
